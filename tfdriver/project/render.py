"""The text of a composition's files, from templates and values. Pure but for reading templates; the one door to Jinja.

Templates decide which blocks exist; values go into `terraform.tfvars.json`. What a template prints is quoted as a
Terraform string unless it is a whole number, a bool, None or marked `| identifier`: nothing in a spec can become code.
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
from tfdriver.project import assets, stamp
from tfdriver.spec.compositions import Composition
from tfdriver.terraform import hcl

FILES = ("main.tf", "variables.tf", "provider.tf", "terraform.tf", "output.tf")
_SUFFIX = ".j2"
_MEND = "Mend it, or delete it to use the one that comes with tfdriver; templates/README.md there says what it can use"


def render(composition: Composition, templates: Path | Sequence[Path], optional: Sequence[str] = ()) -> dict[str, str]:
    """Return the text of each Terraform file of a composition, by file name.

    templates: folders in order of precedence; a missing one is skipped. A file `NAME.tf.j2` in any of them makes
    `NAME.tf`, so that a project can replace a template or add one (`backend.tf.j2`); a file that comes out empty is
    left out. optional: names of files to make as well, from templates in `optional/`. Raises TfdriverError for a
    template that is missing, broken, or uses what is not defined.
    """
    folders = [templates] if isinstance(templates, Path) else list(templates)
    environment = _environment(folders)
    context = _context(composition)
    extra = sorted({path.name.removesuffix(_SUFFIX) for f in folders for path in f.glob("*.tf" + _SUFFIX)} - {*FILES})
    if odd := next((name for name in extra if not name.isprintable()), None):
        hint = "Give it a name without line breaks or other control characters"
        raise TfdriverError(f"there is a template with the name {odd + _SUFFIX!r}", where="templates", hint=hint)
    texts = {name: _render_file(environment, name + _SUFFIX, context) for name in (*FILES, *extra)}
    texts |= {name: _render_file(environment, f"optional/{name}{_SUFFIX}", context) for name in optional}
    return {name: stamp.comment("\n" + text) for name, text in texts.items() if text.strip()}


def page(name: str, context: Mapping[str, Any]) -> str:
    """Return an HTML page from the template NAME that ships with tfdriver; everything it prints is escaped.

    context: what the template uses, by name; a `markupsafe.Markup` is printed as it is.
    """
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(_loader([assets.templates()])),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(context)


def tfvars(values: dict[str, Any]) -> str:
    """Return the JSON text of `terraform.tfvars.json`: one line for each value two levels down, in the given order.

    values: at least one. Terraform accepts and ignores the member "//" (tried with 1.11 and 1.15). Raises TfdriverError
    for a value that JSON or UTF-8 can't hold.
    """
    try:
        body = ",\n".join(f"  {_json(key)}: {_member(value)}" for key, value in values.items()) + "\n}\n"
        body.encode()
    except (TypeError, ValueError) as error:
        raise TfdriverError(f"a value cannot be written as JSON: {error}", where="terraform.tfvars.json") from error
    return stamp.json_member(body)


def _member(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return _json(value)
    return "{\n" + ",\n".join(f"    {_json(key)}: {_json(inner)}" for key, inner in value.items()) + "\n  }"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


class _Compiled(jinja2.BytecodeCache):
    """What templates were compiled to, by their path and text: compiling takes longer than the rest of a rendering."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code, if there is any; Jinja calls this before it compiles."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code; Jinja calls this after it compiled."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


def _environment(folders: Sequence[Path]) -> jinja2.Environment:
    # A project's templates may come from anybody: sandboxed, and given plain data only.
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(_loader(folders)),
        undefined=jinja2.StrictUndefined,
        finalize=hcl.literal,
        autoescape=False,  # that is for HTML; `finalize` quotes for Terraform
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled,  # it depends on the options above, so `page` has no part in it
    )
    environment.filters["identifier"] = hcl.identifier
    environment.filters["aligned"] = hcl.aligned
    return environment


def _loader(folders: Sequence[Path]) -> Callable[[str], tuple[str, str, None] | None]:
    for folder in folders:
        if not folder.resolve().is_relative_to(folder.parent.resolve()):
            hint = "Put the templates themselves there"
            raise TfdriverError("is a symlink that leads out of the project", where=str(folder), hint=hint)

    def load(name: str) -> tuple[str, str, None] | None:
        for folder in folders:
            path = folder / name
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(folder.resolve()):
                hint = "Put the file itself there"
                raise TfdriverError("a template must lie in its templates folder", where=str(path), hint=hint)
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
        "roles": [
            {
                "key": role.key,
                "source": role.source,
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
        raise TfdriverError(error.what, where=error.where or _line_of(error, name), hint=error.hint) from error
    except jinja2.TemplateSyntaxError as error:
        where = f"{error.filename or name}:{error.lineno}"
        raise TfdriverError(f"syntax error in the template: {error.message}", where=where, hint=_MEND) from error
    except jinja2.TemplateNotFound as error:
        raise TfdriverError(f"there is no template {error.name}", where="templates", hint=_MEND) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TfdriverError(f"cannot read the template: {error}", where=name, hint=_MEND) from error
    except Exception as error:  # a template is a program of its own: whatever it raises is its author's to mend
        raise TfdriverError(f"the template failed: {error}", where=_line_of(error, name), hint=_MEND) from error


def _line_of(error: Exception, name: str) -> str:
    """Return file:line of the template's line that raised; Jinja puts its templates into the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(_SUFFIX)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
