"""Masks external ids. AWS does not treat them as secrets, but the report does not need them. Pure; no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from tfdriver.iam.policy_document import strings
from tfdriver.redaction import changed

T = TypeVar("T")

MASK = "(external id, not shown)"
_KEY = "sts:externalid"
_PART = r"[\w-]"


def external_ids(documents: Iterable[Any]) -> set[str]:
    """Return the external ids in trust policies (JSON values)."""
    found: set[str] = set()
    for document in documents:
        if isinstance(document, Mapping):
            for key, value in document.items():
                found |= set(strings(value)) if str(key).lower() == _KEY else external_ids([value])
        elif isinstance(document, list | tuple):
            found |= external_ids(document)
    return found


def masked(value: T, secrets: Iterable[str]) -> T:
    """Return a value (of dataclasses, mappings, tuples, lists, strings) with the external ids in its strings masked.

    An id inside a longer word is kept, as the word is something else.
    """
    known = sorted((re.escape(secret) for secret in secrets if secret), key=len, reverse=True)
    if not known:
        return value
    pattern = re.compile(rf"(?<!{_PART})(?:{'|'.join(known)})(?!{_PART})")
    return cast(T, changed(value, lambda text: pattern.sub(MASK, text)))
