"""Rendering: its inputs, and the limits of a project's own templates."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.builders import A, B, role
from tests.unit.project.cases import ALL, EXAMPLE_TRUSTED, EXAMPLE_TRUSTING, TEMPLATES, templates_in
from tfdriver.errors import TfdriverError
from tfdriver.project import generated_header
from tfdriver.project.render import FILES, render
from tfdriver.spec.compositions import Composition, Side


@pytest.mark.parametrize("composition", ALL, ids=lambda c: c.name)
def test_every_file_is_stamped(composition: Composition) -> None:
    files = render(composition, TEMPLATES)
    with_existing = any(role.existing for role in composition.roles)
    assert tuple(files) == tuple(name for name in FILES if name != "existing.tf" or with_existing)
    assert all(generated_header.intact(text.encode()) for text in files.values())


def test_rendered_text_contains_no_names_or_values_of_a_spec() -> None:
    secret = "UNLIKELY"
    account = replace(A, name=secret, id=secret, profile=secret, region=secret)
    odd = role("foo", account, name=secret, path=f"/{secret}/", external_id=secret, variables={"x": secret})
    files = render(Composition(secret, secret, account, Side.TRUSTING, (odd,)), TEMPLATES)
    assert secret not in "".join(files.values())


def test_the_version_of_a_module_is_quoted() -> None:
    versioned = replace(role("foo", A), source="example/role/aws", version="~> 5.0")
    text = render(Composition("account_a", "p", A, Side.TRUSTING, (versioned,)), TEMPLATES)["main.tf"]

    assert re.search(r'source += "example/role/aws"\n +version += "~> 5.0"\n', text)


def test_a_module_source_is_quoted() -> None:
    hostile = replace(role("foo", A), source='x"\n}\n${file("/etc/passwd")}')
    text = render(Composition("a", "p", A, Side.TRUSTING, (hostile,)), TEMPLATES)["main.tf"]
    assert r'= "x\"\n}\n$${file(\"/etc/passwd\")}"' in text


@pytest.mark.parametrize("key", ['a"b', "a b", "${x}", "", "1a", "a\n", "é", "a.b"])
def test_a_role_key_that_is_not_an_identifier_is_refused(key: str) -> None:
    with pytest.raises(TfdriverError, match="identifier"):
        render(Composition("b", "p", B, Side.TRUSTED, (role(key, B, name="n"),)), TEMPLATES)


def test_a_project_can_replace_and_add_templates(tmp_path: Path) -> None:
    own = templates_in(tmp_path / "t", terraform="terraform {}\n", backend="# {{ composition.name | identifier }}\n")
    shipped = render(EXAMPLE_TRUSTING, TEMPLATES)
    files = render(EXAMPLE_TRUSTING, [own, TEMPLATES])
    assert [name for name in files if files[name] != shipped.get(name)] == ["terraform.tf", "backend.tf"]
    assert files["backend.tf"].endswith("\n# account_a\n")


def test_an_empty_file_is_omitted(tmp_path: Path) -> None:
    own = templates_in(tmp_path, backend='{% if composition.side == "trusting" %}locals {}\n{% endif %}\n')
    assert "backend.tf" in render(EXAMPLE_TRUSTING, [own, TEMPLATES])
    assert "backend.tf" not in render(EXAMPLE_TRUSTED, [own, TEMPLATES])


def test_a_missing_templates_folder_is_skipped(tmp_path: Path) -> None:
    assert render(EXAMPLE_TRUSTING, [tmp_path / "none", TEMPLATES]) == render(EXAMPLE_TRUSTING, TEMPLATES)


BROKEN = {
    "an undefined name": ("\n{{ nonsense }}", "'nonsense' is undefined", 2),
    "an undefined name as an identifier": ("{{ nonsense | identifier }}", "'nonsense' is undefined", 1),
    "an undefined attribute": ("\n\n{{ roles[0].arn }}", "no attribute 'arn'", 3),
    "a syntax error": ("a\n{% if %}", "syntax error", 2),
    "an unknown filter": ("{{ 1 | nofilter }}", "nofilter", 1),
    "a missing include": ('{% include "other.j2" %}', "template other.j2 does not exist", None),
    "a printed list": ("\n{{ roles }}", "cannot print a list", 2),
    "a runtime error": ("\n{{ 1 / 0 }}", "division by zero", 2),
    "an escape from the sandbox": ("{{ ''.__class__.__mro__ }}", "unsafe", 1),
    "a change of its data": ("{{ roles.append(1) }}", "unsafe|not safely", 1),
}


@pytest.mark.parametrize(("text", "message", "line"), BROKEN.values(), ids=BROKEN)
def test_a_broken_template_is_reported_with_its_line(tmp_path: Path, text: str, message: str, line: int | None) -> None:
    own = templates_in(tmp_path, main=text)
    with pytest.raises(TfdriverError, match=message) as caught:
        render(EXAMPLE_TRUSTING, [own, TEMPLATES])
    if line:
        assert caught.value.where == f"{own}/main.tf.j2:{line}"


@pytest.mark.parametrize(
    "text",
    """
    {{ ''.__class__.__mro__ }}
    {{ ''['__class__'] }}
    {{ ''|attr('__class__') }}
    {{ [1]|map('attr', '__class__')|first|string }}
    {{ [1]|map(attribute='__class__')|first|string }}
    {{ ().__class__.__bases__[0].__subclasses__() }}
    {{ '{0.__class__}'.format('') }}
    {{ '{a.__class__}'.format_map({'a': 1}) }}
    {{ ('{0.__class__}'|attr('format'))(1) }}
    {% set f = '{0.__class__}'.format %}{{ f(1) }}
    {{ ['{0.__class__}']|map(attribute='format')|list|first }}
    {{ cycler.__init__.__globals__.os.popen('id').read() }}
    {{ lipsum.__globals__['os'] }}
    {{ joiner.__init__.__globals__ }}
    {{ namespace.__init__ }}
    {{ self._TemplateReference__context }}
    {{ composition.update(name='x') }}
    {{ roles.clear() }}
    {{ range(100000000)|list|length }}
    {% include '/etc/passwd' %}
    {% include '../../../../../../../../etc/passwd' %}
    {% import '/etc/passwd' as x %}
    {% extends '/etc/passwd' %}
    """.strip().splitlines(),
)
def test_a_template_cannot_escape_the_sandbox(tmp_path: Path, text: str) -> None:
    own = templates_in(tmp_path / "templates", extra=text.strip())
    with pytest.raises(TfdriverError) as caught:
        render(EXAMPLE_TRUSTING, [own, TEMPLATES])
    assert "root:" not in str(caught.value)
    assert "<class" not in str(caught.value)


ENDLESS = {
    "nested loops": (
        "\n{% set r = range(100000) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
        "it has not ended after 0.1 s",
        2,
    ),
    "a loop of Jinja's own": ("{{ lipsum(n=1000000000) }}", "it has not ended after 0.1 s", None),
    "a recursive macro": ("{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", "recursion", None),
    "a template that includes itself": ('\n{% include "main.tf.j2" %}', "recursion|has not ended", 2),
    "a huge text": (
        "{% set r = range(100000) %}{% for a in r %}{% for b in r %}\n" + "x" * 10_000 + "{% endfor %}{% endfor %}",
        "its text is longer than 10000000 characters",
        1,
    ),
    "a huge number": ("\n{{ 10 ** 10 ** 10 }}", "cannot use", 2),
    "a huge product": ("\n{{ 'a' * 100000000000 }}", "cannot use", 2),
}


@pytest.mark.parametrize(("text", "message", "line"), ENDLESS.values(), ids=ENDLESS)
def test_a_template_that_does_not_end_is_refused(tmp_path: Path, text: str, message: str, line: int | None) -> None:
    own = templates_in(tmp_path, main=text)

    with pytest.raises(TfdriverError, match=message) as caught:
        render(EXAMPLE_TRUSTING, [own, TEMPLATES], longest=0.1)

    assert caught.value.code == "invalid_template"
    assert caught.value.where.startswith(f"{own}/main.tf.j2" if line is None else f"{own}/main.tf.j2:{line}")
    assert sys.gettrace() is None


def test_a_template_can_multiply_numbers(tmp_path: Path) -> None:
    own = templates_in(tmp_path, extra="# {{ 6 * 7 }}")
    assert "# 42" in render(EXAMPLE_TRUSTING, [own, TEMPLATES])["extra.tf"]


def test_a_symlink_to_a_templates_folder_is_refused(tmp_path: Path) -> None:
    templates_in(tmp_path / "elsewhere", main="locals {}")
    project = tmp_path / "project"
    project.mkdir()
    (project / "templates").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TfdriverError, match="templates: is a symlink that points outside the project"):
        render(EXAMPLE_TRUSTING, [project / "templates", TEMPLATES])


def delete_main(folder: Path) -> None:
    (folder / "main.tf.j2").unlink()


def write_invalid_utf8(folder: Path) -> None:
    (folder / "main.tf.j2").write_bytes(b"\n\nlocals {}\xff")


def link_main(folder: Path) -> None:
    (folder / "main.tf.j2").unlink()
    (folder.parent / "secret").write_text("secret")
    (folder / "main.tf.j2").symlink_to(folder.parent / "secret")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete_main, "template main.tf.j2 does not exist"),
        (
            write_invalid_utf8,
            r"main\.tf\.j2:3: the template is not UTF-8: it has the byte 0xff\. Save the file as UTF-8",
        ),
        (link_main, "leads out of the folder"),
    ],
)
def test_an_unreadable_template_is_reported(tmp_path: Path, change: Callable[[Path], None], message: str) -> None:
    folder = templates_in(tmp_path / "t", **{name.removesuffix(".tf"): "locals {}" for name in FILES})
    change(folder)
    with pytest.raises(TfdriverError, match=message):
        render(EXAMPLE_TRUSTING, folder)


def test_a_template_name_with_a_line_break_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = templates_in(tmp_path / "t", **{"a\nb": "locals {}"})
    with pytest.raises(TfdriverError, match=r"'a\\nb\.tf\.j2' contains control characters") as caught:
        render(EXAMPLE_TRUSTING, [folder, TEMPLATES])
    assert "\n" not in str(caught.value)
