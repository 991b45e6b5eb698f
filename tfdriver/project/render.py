"""Renders a composition's files from Jinja templates. Pure but for reading templates.

Templates decide which blocks exist; values go into `terraform.tfvars.json`. Text that a template prints becomes a
quoted Terraform string unless it is marked `| identifier`, so nothing in a spec can become code.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tfdriver.errors import TfdriverError
from tfdriver.project import assets, generated_header
from tfdriver.spec.compositions import Composition
from tfdriver.terraform import hcl_writer

FILES = ("main.tf", "variables.tf", "provider.tf", "terraform.tf", "output.tf", "applied.tf")
_SUFFIX = ".j2"
_HINT = "Fix the template, or delete it to use tfdriver's own; its templates/README.md lists what a template can use"


def render(composition: Composition, templates: Path | Sequence[Path], optional: Sequence[str] = ()) -> dict[str, str]:
    """Return the text of each Terraform file of a composition, by file name.

    templates: folders in order of precedence, which may be missing. A file `NAME.tf.j2` in any of them renders
    `NAME.tf`, so a project can replace or add a template (`backend.tf.j2`). An empty file is omitted. optional: names
    of further files, rendered from `optional/`. Raises TfdriverError for a missing or invalid template.
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
    texts = {name: _render_file(environment, name + _SUFFIX, context) for name in (*FILES, *extra)}
    texts |= {name: _render_file(environment, f"optional/{name}{_SUFFIX}", context) for name in optional}
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


def _environment(folders: Sequence[Path]) -> jinja2.Environment:
    # A project's templates are not trusted: they run in a sandbox and get plain data only.
    environment = ImmutableSandboxedEnvironment(
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
            return path.read_text(encoding="utf-8"), str(path), None
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
                "key": role.key,
                "source": role.source,
                "version": role.version,
                "has_package": role.package is not None,
                "variables": list(role.variables),
            }
            for role in composition.roles
        ],
    }


def _render_file(environment: jinja2.Environment, name: str, context: dict[str, Any]) -> str:
    try:
        return environment.get_template(name).render(context)
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
    except (OSError, UnicodeDecodeError) as error:
        raise TfdriverError(
            f"cannot read the template: {error}", code="invalid_template", where=name, hint=_HINT
        ) from error
    except Exception as error:  # a template can raise any exception
        raise TfdriverError(
            f"the template failed: {error}", code="invalid_template", where=_template_line(error, name), hint=_HINT
        ) from error


def _template_line(error: Exception, name: str) -> str:
    """Return file:line of the template's line that raised, from the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(_SUFFIX)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
