"""Filtering the provider's schema, and its cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.terraform.protobuf import entry, field, number_field
from tfdriver.terraform.provider_schema import (
    NotASchemaError,
    SchemaCache,
    cache_folder,
    has_diagnostics,
    only_types,
)

PROVIDER, RESOURCES, DATA, DIAGNOSTICS, META, CAPABILITIES, FUNCTIONS, EPHEMERAL = range(1, 9)


def test_only_the_named_types_are_kept_and_all_else_as_it_was():
    kept = [
        field(PROVIDER, b"provider"),
        entry(RESOURCES, "aws_iam_role", b"role"),
        entry(DATA, "aws_iam_role", b"data"),
        field(META, b"meta"),
        field(CAPABILITIES, number_field(1, 1)),
        entry(FUNCTIONS, "arn_parse", b"function"),
        entry(EPHEMERAL, "aws_iam_role", b"ephemeral"),
        field(99, b"a later kind"),
    ]
    left_out = [entry(number, "aws_vpc", b"x" * 300) for number in (RESOURCES, DATA, EPHEMERAL, 9, 11)]
    mixed = [part for pair in zip(kept, [*left_out, b"", b"", b""], strict=True) for part in pair]

    assert only_types(b"".join(mixed), {"aws_iam_role"}) == b"".join(kept)


names = st.text("abcdefgh_", min_size=1, max_size=12)


@given(st.dictionaries(names, st.binary(max_size=300)), st.sets(names))
def test_the_shown_types_are_those_that_are_wanted_and_exist(schemas, wanted):
    schema = b"".join(entry(RESOURCES, name, body) for name, body in schemas.items())
    expected = b"".join(entry(RESOURCES, name, body) for name, body in schemas.items() if name in wanted)

    assert only_types(schema, wanted) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_filtered_or_refused(schema):
    try:
        shown = only_types(schema, {"a"})
    except NotASchemaError:
        return
    assert len(shown) <= len(schema)


@pytest.mark.parametrize("schema", [b"\x0a", b"\x0a\x05ab", b"\x09\x01", b"\x0b", b"\xff" * 11])
def test_bytes_that_are_cut_off_or_unknown_are_refused(schema):
    with pytest.raises(NotASchemaError):
        only_types(schema, set())


def test_diagnostics_are_seen():
    assert has_diagnostics(field(DIAGNOSTICS, b"broken"))
    assert not has_diagnostics(entry(RESOURCES, "aws_iam_role", b""))


def test_a_saved_schema_is_loaded_and_private(tmp_path):
    cache = SchemaCache(tmp_path / "tfdriver" / "schemas", "aws-5.1.0-abc.schema")
    assert cache.load() is None

    cache.save(b"schema")

    assert cache.load() == b"schema"
    (file,) = (tmp_path / "tfdriver" / "schemas").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def saved(tmp_path: Path) -> tuple[SchemaCache, Path]:
    cache = SchemaCache(tmp_path / "schemas", "entry")
    cache.save(b"schema")
    return cache, tmp_path / "schemas" / "entry"


def test_a_damaged_entry_is_not_used(tmp_path):
    cache, entry_path = saved(tmp_path)
    entry_path.write_bytes(entry_path.read_bytes()[:-1])
    assert cache.load() is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("of_folder", [False, True])
def test_an_entry_that_others_may_write_to_is_not_used(tmp_path, mode, of_folder):
    cache, entry_path = saved(tmp_path)
    (entry_path.parent if of_folder else entry_path).chmod(mode | (0o100 if of_folder else 0))
    assert cache.load() is None


def test_a_symlink_is_not_followed(tmp_path):
    cache, entry_path = saved(tmp_path)
    entry_path.rename(tmp_path / "elsewhere")
    entry_path.symlink_to(tmp_path / "elsewhere")
    assert cache.load() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_an_entry_of_another_user_is_not_used(tmp_path):
    cache, entry_path = saved(tmp_path)
    os.chown(entry_path, 12345, 12345)
    assert cache.load() is None


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path):
    (tmp_path / "file").touch()
    cache = SchemaCache(tmp_path / "file" / "schemas", "entry")

    cache.save(b"schema")

    assert cache.load() is None
    SchemaCache(None, "entry").save(b"schema")
    assert SchemaCache(None, "entry").load() is None


def test_the_cache_is_in_the_users_folder():
    assert cache_folder({"HOME": "/home/a"}) == Path("/home/a/.cache/tfdriver/schemas")
    assert cache_folder({"HOME": "/home/a", "XDG_CACHE_HOME": "/c"}) == Path("/c/tfdriver/schemas")
    assert cache_folder({"HOME": "home"}) is None


def test_the_digest_is_that_of_the_schema(tmp_path):
    _, entry_path = saved(tmp_path)
    assert entry_path.read_bytes() == hashlib.sha256(b"schema").hexdigest().encode() + b"schema"
