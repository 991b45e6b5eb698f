"""The one check that writes: the trusted role's process does its work once, and the item it wrote is found.

Read back by the trusting account's own identity, with a consistent read, and removed unless it is to be kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Account, Role
from tfdriver.verify import outcome
from tfdriver.verify.attempts import WRITE, Attempt, Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind
from tfdriver.verify.probe_function import ProbeFunction
from tfdriver.verify.probes import TableProbe


def write_check(trusting: Role, trusted: Role, table: TableProbe) -> Check:
    """Return the check that the whole path works."""
    tried = f"{role_in_account(trusted)} writes an item to {table.table_name} through {role_in_account(trusting)}"
    return Check(WRITE, tried, OutcomeKind.ALLOWED, Attempt(table.granted[0] if table.granted else ""))


@dataclass
class Writing:
    """Has the item written, finds and removes it. kept: items still there after it, as `table/key`.

    mark: what each item holds; perhaps: a sentence on items that may be there, '' if none may.
    """

    aws: Calls
    function: ProbeFunction
    trusting: Role
    table: TableProbe
    keep: bool = False
    kept: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: f"tfdriver-verify-{uuid.uuid4()}")
    perhaps: str = ""

    def __call__(self, checks: Iterable[Check]) -> dict[str, CallOutcome]:
        """Return the outcome by the check's name."""
        return {check.name: self._write() for check in checks}

    def _write(self) -> CallOutcome:
        written, failure = self.function.write(self.mark)
        if failure.kind is not OutcomeKind.ALLOWED:
            if failure.perhaps_done:
                self.perhaps = f"an item that holds {self.mark!r} may be in {self.table.table_name}"
            return failure
        ours = [entry for entry in written if entry.get("table_name") == self.table.table_name]
        if len(ours) != 1 or len(written) != 1:
            self.kept += tuple(f"{entry.get('table_name')}/{entry.get('key')}" for entry in written)
            return CallOutcome(
                OutcomeKind.BROKEN, f"it says it wrote {len(written)} items, {len(ours)} of them to this table"
            )
        key = str(ours[0].get("key", ""))
        try:
            found = self._find(key, ours[0].get("item"))
        finally:
            self._remove(key)
        return found

    def _find(self, key: str, item: Any) -> CallOutcome:
        try:
            answer = self._call("get_item", Key=self._key(key), ConsistentRead=True)
        except AwsError as error:
            found = outcome.from_answer(error.answer, error.what)
            # That we may not read says nothing about what the trusted role may write.
            return replace(found, kind=OutcomeKind.UNKNOWN, said=f"reading it back: {found.said}", item_key=key)
        there = {name: value.get("S") for name, value in answer.get("Item", {}).items()}
        good = isinstance(item, Mapping) and there == dict(item) and self.mark in there.values()
        if not good:
            return CallOutcome(
                OutcomeKind.BROKEN, f"it says it wrote {item}, the table has {there or 'no such item'}", item_key=key
            )
        return replace(outcome.allowed(outcome.request_id(answer)), item_key=key)

    def _remove(self, key: str) -> None:
        if not self.keep:
            try:
                self._call("delete_item", Key=self._key(key))
                return
            except AwsError:
                pass  # told as left behind, which is all that a person needs
        self.kept += (f"{self.table.table_name}/{key}",)

    def _call(self, method: str, **arguments: Any) -> Any:
        account: Account = replace(self.trusting.account, region=self.table.region)
        return self.aws.call(
            account, "dynamodb", lambda client: getattr(client, method)(TableName=self.table.table_name, **arguments)
        )

    def _key(self, key: str) -> dict[str, Any]:
        return {self.table.hash_key: {"S": key}}
