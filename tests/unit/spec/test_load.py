"""Loading valid specs."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.spec.project import GOOD, REGIONS, TABLE, load, make_project, put, with_line
from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import compositions
from tfdriver.spec.load import load_spec
from tfdriver.spec.model import Account

FEW_EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def test_a_valid_spec_is_loaded(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    spec = load(root)

    assert spec.root == root.resolve()
    assert spec.project == "shop"
    assert spec.accounts["store"] == Account("store", "111111111111", "store", "us-west-2", "aws")
    writer, worker = spec.roles["writer"], spec.roles["worker"]
    assert (writer.name, writer.path, writer.arn) == ("writer", "/", "arn:aws:iam::111111111111:role/writer")
    assert (writer.source, writer.package) == ("../../modules/table", None)
    assert (writer.trusts, writer.external_id, writer.guard) == (("worker",), None, True)
    assert writer.open_for == timedelta(hours=1)
    assert writer.variables == {"table_name": "Orders"}
    assert worker.package == root.resolve() / "modules/function/lambda"
    assert spec.trusting == (writer,)
    assert spec.trusted == (worker,)


def test_all_options_of_a_trusting_role(tmp_path: Path) -> None:
    more = "trusts: [worker]\n    name: w+=,.@-1\n    path: /a/b/\n    external_id: a:b/c\n    guard: off"
    role = load(make_project(tmp_path, with_line(15, f"    {more}"))).roles["writer"]

    assert role.arn == "arn:aws:iam::111111111111:role/a/b/w+=,.@-1"
    assert (role.external_id, role.guard) == ("a:b/c", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h30m", timedelta(minutes=90)),
        ("168h", timedelta(days=7)),
    ],
)
def test_open_for_is_a_duration(tmp_path: Path, text: str, expected: timedelta) -> None:
    root = make_project(tmp_path, with_line(15, f"    trusts: [worker]\n    open_for: {text}"))
    assert load(root).roles["writer"].open_for == expected


def test_the_project_name_defaults_to_the_folder_name(tmp_path: Path) -> None:
    root = make_project(tmp_path, with_line(2, "")).rename(tmp_path / "my folder")
    assert load(root).project == "my folder"


def test_the_profile_defaults_to_the_account_key_and_the_region_to_the_profile(tmp_path: Path) -> None:
    profiles = []

    def profile_region(profile: str) -> str | None:
        profiles.append(profile)
        return "us-gov-west-1"

    text = GOOD.replace("    region: us-west-2\n", "").replace(
        "region: eu-west-1", "profile: p\n    region: us-gov-west-1"
    )

    spec = load_spec(make_project(tmp_path, text), regions=lambda: REGIONS, profile_region=profile_region)

    assert profiles == ["store"]
    assert spec.accounts["store"].region == "us-gov-west-1"
    assert spec.accounts["app"].profile == "p"
    assert spec.roles["writer"].arn == "arn:aws-us-gov:iam::111111111111:role/writer"


def test_generated_external_ids_depend_on_project_account_and_role_key_only(tmp_path: Path) -> None:
    def generated(**changes: str) -> str | None:
        text = with_line(15, "    trusts: [worker]\n    external_id: generate")
        for old, new in changes.items():
            text = text.replace(old, new)
        return load(make_project(tmp_path, text)).trusting[0].external_id

    first = generated()

    # No release may change this value: a changed external id would deny the trusted roles access.
    assert first == "70adeb69-9ceb-5cf8-94fb-300028ee048f"
    assert generated() == first
    others = [generated(shop="other"), generated(writer="scribe"), generated(**{"111111111111": "333333333333"})]
    assert len({first, *others}) == 4
    assert generated(**{"    trusts: [worker]": "    name: renamed\n    path: /team/\n    trusts: [worker]"}) == first


@pytest.mark.parametrize(
    "source",
    [
        "git::https://example.com/network.git//modules/role?ref=v1.2.0",
        "git::ssh://git@example.com/role.git",
        "git@github.com:example/role.git",
        "github.com/example/role",
        "bitbucket.org/example/role",
        "https://example.com/role.zip",
        "s3::https://s3-eu-west-1.amazonaws.com/bucket/role.zip",
        "example/role/aws",
        "app.terraform.io/example/role/aws",
        "terraform-aws-modules/iam/aws//modules/iam-role",
    ],
)
def test_remote_sources_are_kept_with_any_variables(tmp_path: Path, source: str) -> None:
    text = GOOD.replace("module: table", f"module: {source}").replace("{table_name: Orders}", "{x: [1, {y: null}]}")
    role = load(make_project(tmp_path, text)).roles["writer"]

    assert (role.module, role.source, role.package) == (source, source, None)
    assert role.variables == {"x": [1, {"y": None}]}


def test_a_module_may_be_named_by_its_path(tmp_path: Path) -> None:
    root = make_project(tmp_path, with_line(13, "    module: ./teams/./a b//table/"))
    (root / "teams/a b").mkdir(parents=True)
    (root / "modules/table").rename(root / "teams/a b/table")

    assert load(root).roles["writer"].source == "../../teams/a b/table"


def test_a_symlink_to_a_module_in_the_project_is_accepted(tmp_path: Path) -> None:
    root = make_project(tmp_path, with_line(13, "    module: newest"))
    (root / "modules/newest").symlink_to("table")

    assert load(root).roles["writer"].source == "../../modules/newest"


def test_both_roles_may_be_in_one_account_and_an_account_may_have_no_roles(tmp_path: Path) -> None:
    spec = load(make_project(tmp_path, with_line(17, "    account: store")))
    assert [role.account.name for role in spec.roles.values()] == ["store", "store"]
    assert list(spec.accounts) == ["store", "app"]


def test_trust_is_many_to_many(tmp_path: Path) -> None:
    more = """\
  second: {account: store, module: table, variables: {table_name: T}, trusts: [worker, other]}
  other: {account: store, module: function}
"""
    spec = load(make_project(tmp_path, GOOD + more))

    assert [role.key for role in spec.trusting_of(spec.roles["worker"])] == ["writer", "second"]
    assert [role.key for role in spec.trusted_by(spec.roles["second"])] == ["worker", "other"]


def test_two_accounts_may_have_roles_with_the_same_name(tmp_path: Path) -> None:
    spec = load(make_project(tmp_path, with_line(18, "    module: function\n    name: writer")))
    assert {role.name for role in spec.roles.values()} == {"writer"}


def test_yaml_aliases_are_resolved(tmp_path: Path) -> None:
    text = with_line(6, "    region: &here us-west-2").replace("eu-west-1", "*here")
    assert load(make_project(tmp_path, text)).accounts["app"].region == "us-west-2"


def test_a_byte_order_mark_and_windows_line_endings_are_accepted(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert load(make_project(tmp_path, content)).project == "shop"


def test_a_symlink_to_a_spec_in_the_project_is_accepted(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (root / "tfdriver.yaml").rename(root / "real.yaml")
    (root / "tfdriver.yaml").symlink_to("real.yaml")

    assert load(root).project == "shop"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{read_capacity: 7}", 7),
        ("{read_capacity: 7.5}", 7.5),
        ("{read_capacity: 0x1F}", 31),
        ("{read_capacity: null}", None),
        ("{protected: false}", False),
        ("{keys: [a, b]}", ["a", "b"]),
        ("{keys: []}", []),
        ("{labels: {no: 'yes', 1: '2'}}", {"no": "yes", "1": "2"}),
        ("{backup: {vault: v}}", {"vault": "v"}),
        ("{backup: {vault: v, days: 3}}", {"vault": "v", "days": 3}),
        ("{anything: [1, {a: [true, null, 2.5]}]}", [1, {"a": [True, None, 2.5]}]),
        ("{anything: 2024-01-31}", "2024-01-31"),
        ("{anything: 12:30:00}", "12:30:00"),
        ("{anything: 1_000}", "1_000"),
        ("{anything: 1.2.3}", "1.2.3"),
        ("{anything: =}", "="),
    ],
)
def test_yaml_values_of_variables(tmp_path: Path, written: str, value: Any) -> None:
    text = with_line(14, f"    variables: {{table_name: T, {written[1:]}")
    variables = load(make_project(tmp_path, text)).roles["writer"].variables

    assert list(variables.values()) == ["T", value]


@FEW_EXAMPLES
@given(text=st.text())
def test_any_text_of_a_variable_is_kept_unchanged(tmp_path: Path, text: str) -> None:
    document = yaml.safe_load(GOOD)
    document["roles"]["writer"]["variables"] = {"table_name": text, "anything": {text: [text]}}
    raw = not set(text) & set("\x85\u2028\u2029")  # refused unless escaped

    root = make_project(tmp_path, yaml.safe_dump(document, allow_unicode=raw))

    assert load(root).roles["writer"].variables == {"table_name": text, "anything": {text: [text]}}


@pytest.mark.parametrize(
    "text",
    ["${file(1)}", "%{if true}", "{{ 7*7 }}", 'a"b', "a\nb", "<<EOT", "\\", "'", "\x00", "\x85\u2028", "é", "🙂"],
)
def test_hostile_texts_are_kept_unchanged(tmp_path: Path, text: str) -> None:
    document = yaml.safe_load(GOOD)
    document["roles"]["writer"]["variables"]["table_name"] = text

    assert load(make_project(tmp_path, yaml.safe_dump(document))).roles["writer"].variables["table_name"] == text


def load_or_refuse(root: Path, content: bytes) -> None:
    put(root, "tfdriver.yaml", content)
    try:
        spec = load(root)
    except TfdriverError as error:
        assert str(error).isprintable()
    else:
        assert spec.trusting


@FEW_EXAMPLES
@given(content=st.one_of(st.binary(), st.text(alphabet=string.printable).map(str.encode)))
def test_arbitrary_bytes_raise_only_tfdriver_errors(tmp_path: Path, content: bytes) -> None:
    load_or_refuse(make_project(tmp_path), content)


WORDS = st.sampled_from(
    "version project accounts roles id profile region account module name path variables trusts external_id guard "
    "open_for table function writer worker store app us-west-2 111111111111 ${X} ../x . * /a/ 1h generate".split()
)
SCALARS = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=20
)


@FEW_EXAMPLES
@given(tree=TREES, at=st.lists(WORDS, max_size=4))
def test_any_yaml_raises_only_tfdriver_errors(tmp_path: Path, tree: Any, at: list[str]) -> None:
    """at: the path in the valid spec at which the tree is inserted, cut at the first key that is not a mapping."""
    document: Any = yaml.safe_load(GOOD)
    place = document
    for key in at[:-1]:
        if isinstance(place.get(key), Mapping):
            place = place[key]
    if at:
        place[at[-1]] = tree
    load_or_refuse(make_project(tmp_path), yaml.safe_dump(document if at else tree).encode())


@FEW_EXAMPLES
@given(at=st.integers(0, len(GOOD)), inserted=st.text(alphabet=string.printable, max_size=3))
def test_random_insertions_raise_only_tfdriver_errors(tmp_path: Path, at: int, inserted: str) -> None:
    load_or_refuse(make_project(tmp_path), (GOOD[:at] + inserted + GOOD[at:]).encode())


PEER = TABLE + 'variable "roles_to_assume" { type = any }\n'


def test_roles_may_trust_each_other(tmp_path: Path) -> None:
    more = (
        "    trusts: [peer]\n  peer: {account: app, module: peer, variables: {table_name: T}, trusts: [writer, worker]}"
    )
    root = make_project(tmp_path, with_line(15, more).replace("module: table", "module: peer"))
    put(root, "modules/peer/main.tf", PEER)

    spec = load(root)

    assert [r.key for r in spec.trusting] == ["writer", "peer"]
    assert [r.key for r in spec.trusted] == ["writer", "peer", "worker"]
    assert [(c.name, c.side, [r.key for r in c.roles], [r.key for r in c.trusted]) for c in compositions(spec)] == [
        ("store", "trusting", ["writer"], ["writer"]),
        ("app_trusting", "trusting", ["peer"], ["peer"]),
        ("app_trusted", "trusted", ["worker"], ["worker"]),
    ]


TWO_REGIONS = with_line(10, '  far: {id: "222222222222", profile: app, region: us-west-2}\nroles:').replace(
    "trusts: [worker]", "trusts: [worker, helper]"
)


def test_an_account_may_have_a_key_for_each_region(tmp_path: Path) -> None:
    spec = load(make_project(tmp_path, TWO_REGIONS + "  helper: {account: far, module: function}\n"))

    assert [(c.name, c.account.id, c.account.region) for c in compositions(spec)] == [
        ("store", "111111111111", "us-west-2"),
        ("app", "222222222222", "eu-west-1"),
        ("far", "222222222222", "us-west-2"),
    ]


def test_role_names_are_unique_in_an_account_whatever_its_regions(tmp_path: Path) -> None:
    root = make_project(tmp_path, TWO_REGIONS + "  helper: {account: far, module: function, name: Worker}\n")

    with pytest.raises(TfdriverError, match="worker and Worker in account 222222222222 differ in case only"):
        load(root)
