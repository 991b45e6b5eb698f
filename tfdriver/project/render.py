"""Renders a composition's files from Jinja templates. Pure but for reading templates.

Templates decide which blocks exist; values go into `terraform.tfvars.json`. Text that a template prints becomes a
quoted Terraform string unless it is marked `| identifier`, so nothing in a spec can become code.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import jinja2
from jinja2.bccache import Bucket
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tfdriver.errors import TfdriverError
from tfdriver.project import assets, generated_header
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform import hcl_writer

FILES = ("main.tf", "variables.tf", "provider.tf", "terraform.tf", "output.tf", "applied.tf", "existing.tf")
_SUFFIX = ".j2"
_LINE_END = b"\n"
_LONGEST = 10_000_000  # characters of a rendered file
_HINT = "Fix the template, or delete it to use tfdriver's own; its templates/README.md lists what a template can use"


def render(
    composition: Composition, templates: Path | Sequence[Path], optional: Sequence[str] = (), longest: float = 5
) -> dict[str, str]:
    """Return the text of each Terraform file of a composition, by file name.

    templates: folders in order of precedence, which may be missing. A file `NAME.tf.j2` in any of them renders
    `NAME.tf`, so a project can replace or add a template (`backend.tf.j2`). An empty file is omitted. optional: names
    of further files, rendered from `optional/`. longest: the CPU time that a template may take, in seconds. Raises
    TfdriverError for a missing or invalid template.
    """
    folders = [templates] if isinstance(templates, Path) else list(templates)
    environment = _environment(folders)
    context = _context(composition)
    extra = sorted({path.name.removesuffix(_SUFFIX) for f in folders for path in f.glob("*.tf" + _SUFFIX)} - {*FILES})
    if invalid := next((name for name in extra if not name.isprintable()), None):
        hint = "Rename the template"
        raise TfdriverError(
            f"{invalid + _SUFFIX!r} contains control characters", code="invalid_template", where="templates", hint=hint
        )
    names = {name: name + _SUFFIX for name in (*FILES, *extra)}
    names |= {name: f"optional/{name}{_SUFFIX}" for name in optional}
    texts = {name: _render_file(environment, template, context, longest) for name, template in names.items()}
    return {name: generated_header.comment("\n" + text) for name, text in texts.items() if text.strip()}


def page(name: str, context: Mapping[str, Any]) -> str:
    """Render an HTML page from a shipped template. context: variables by name, escaped unless `markupsafe.Markup`."""
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(_loader([assets.templates()])),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(context)


def workflow(name: str, context: Mapping[str, Any]) -> str:
    """Render a workflow of a CI system, whose expressions are in `${{ }}`, from a shipped template in `[[ ]]`.

    context: variables by name, printed unchanged: `| yaml` and `| shell` quote them.
    """
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(_loader([assets.templates()])),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # it escapes HTML
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = json.dumps  # YAML includes JSON
    environment.filters["shell"] = shlex.quote
    return environment.get_template(name).render(context)


def tfvars(values: dict[str, Any]) -> str:
    """Return the JSON text of `terraform.tfvars.json`, with a line for each value of the first two levels, in order.

    values: at least one. Terraform ignores the member "//" (tried with 1.11 and 1.15). Raises TfdriverError for a value
    that is not valid in JSON or UTF-8.
    """
    try:
        body = ",\n".join(f"  {_json(key)}: {_json_lines(value)}" for key, value in values.items()) + "\n}\n"
        body.encode()
    except (TypeError, ValueError) as error:
        raise TfdriverError(
            f"a value cannot be written as JSON: {error}", code="invalid_template", where="terraform.tfvars.json"
        ) from error
    return generated_header.json_member(body)


def _json_lines(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return _json(value)
    return "{\n" + ",\n".join(f"    {_json(key)}: {_json(inner)}" for key, inner in value.items()) + "\n  }"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


class _CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates, by path and checksum: compiling takes longer than rendering."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the code of a template."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _CompiledTemplates()


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which an operation takes no time or memory without limit."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply two numbers below a billion; refuse the rest."""
        if operator == "**" or not all(isinstance(n, int | float) and abs(n) < 1e9 for n in (left, right)):
            raise SecurityError(f"a template cannot use {operator} but to multiply numbers below a billion")
        return left * right


def _environment(folders: Sequence[Path]) -> jinja2.Environment:
    # A project's templates are not trusted: they run in a sandbox and get plain data only.
    environment = _Environment(
        loader=jinja2.FunctionLoader(_loader(folders)),
        undefined=jinja2.StrictUndefined,
        finalize=hcl_writer.literal,
        autoescape=False,  # it escapes HTML; `finalize` quotes for Terraform
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled,  # depends on the options above, so `page` must not share it
    )
    environment.filters["identifier"] = hcl_writer.identifier
    environment.filters["expression"] = hcl_writer.expression
    environment.filters["aligned"] = hcl_writer.aligned
    return environment


def _loader(folders: Sequence[Path]) -> Callable[[str], tuple[str, str, None] | None]:
    for folder in folders:
        if not folder.resolve().is_relative_to(folder.parent.resolve()):
            hint = "Replace the symlink by the templates"
            raise TfdriverError(
                "is a symlink that points outside the project", code="invalid_template", where=str(folder), hint=hint
            )

    def load(name: str) -> tuple[str, str, None] | None:
        for folder in folders:
            path = folder / name
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(folder.resolve()):
                hint = "Replace the symlink by the template"
                raise TfdriverError(
                    "is a symlink that leads out of the folder", code="invalid_template", where=str(path), hint=hint
                )
            text = path.read_bytes()
            try:
                return text.decode(), str(path), None
            except UnicodeDecodeError as error:
                where = f"{path}:{text.count(_LINE_END, 0, error.start) + 1}"
                what = f"the template is not UTF-8: it has the byte 0x{text[error.start]:02x}"
                hint = "Save the file as UTF-8"
                raise TfdriverError(what, code="invalid_template", where=where, hint=hint) from error
        return None

    return load


def _context(composition: Composition) -> dict[str, Any]:
    return {
        "composition": {
            "name": composition.name,
            "project": composition.project,
            "account": composition.account.name,
            "profile": composition.account.profile,
            "side": str(composition.side),
        },
        "state": {"backend": composition.state.kind, "arguments": dict(composition.state.arguments)}
        if composition.state
        else None,
        "roles": [
            {
                "key": role.label,
                "source": role.source,
                "version": role.version,
                "has_package": role.package is not None,
                "variables": list(role.variables),
                "trusting": composition.side is Side.TRUSTING,
                "trusted": role in composition.trusted,
            }
            for role in composition.roles
            if not role.existing
        ],
        "existing_roles": [
            {
                "key": role.label,
                "trusting": composition.side is Side.TRUSTING,
                "trusted": role in composition.trusted,
            }
            for role in composition.roles
            if role.existing
        ],
    }


def _render_file(environment: jinja2.Environment, name: str, context: dict[str, Any], longest: float) -> str:
    try:
        template = environment.get_template(name)
        with _limited_time(longest):
            return _limited_text(cast("Generator[str, None, None]", template.generate(context)))
    except TfdriverError as error:
        raise TfdriverError(
            error.what, code="invalid_template", where=error.where or _template_line(error, name), hint=error.hint
        ) from error
    except jinja2.TemplateSyntaxError as error:
        where = f"{error.filename or name}:{error.lineno}"
        raise TfdriverError(
            f"syntax error in the template: {error.message}", code="invalid_template", where=where, hint=_HINT
        ) from error
    except jinja2.TemplateNotFound as error:
        raise TfdriverError(
            f"template {error.name} does not exist", code="invalid_template", where="templates", hint=_HINT
        ) from error
    except OSError as error:
        raise TfdriverError(
            f"cannot read the template: {error}", code="invalid_template", where=name, hint=_HINT
        ) from error
    except Exception as error:  # a template can raise any exception
        raise TfdriverError(
            f"the template failed: {error}", code="invalid_template", where=_template_line(error, name), hint=_HINT
        ) from error


@contextmanager
def _limited_time(longest: float) -> Iterator[None]:
    """Raise RuntimeError in the line of a template that runs after `longest` seconds of CPU time.

    Traces this thread: a signal would reach the main thread only.
    """
    end = time.thread_time() + longest

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        if time.thread_time() > end:
            raise RuntimeError(f"it has not ended after {longest:g} s")
        return trace if frame.f_code.co_filename.endswith(_SUFFIX) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def _limited_text(parts: Generator[str, None, None]) -> str:
    """Return the text of the parts. Raises RuntimeError in the template if it is too long for a Terraform file."""
    kept, length = [], 0
    for part in parts:
        length += len(part)
        if length > _LONGEST:
            parts.throw(RuntimeError(f"its text is longer than {_LONGEST} characters"))
        kept.append(part)
    return "".join(kept)


def _template_line(error: Exception, name: str) -> str:
    """Return file:line of the template's line that raised, from the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(_SUFFIX)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
