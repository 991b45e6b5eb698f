"""The one check that writes: the trusted role's function writes an item through the trusting role.

The operator's identity in the trusting account reads the item with a consistent read and removes it.
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
    """Return the check of the whole path."""
    tried = f"{role_in_account(trusted)} writes an item to {table.table_name} through {role_in_account(trusting)}"
    return Check(WRITE, tried, OutcomeKind.ALLOWED, Attempt(table.granted[0] if table.granted else ""))


@dataclass
class Writing:
    """Lets the function write an item, reads the item and removes it. kept: remaining items, as `table/key`.

    mark: a value in each item; perhaps: a sentence on items that may remain, or ''.
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
        """Return the outcome by name of the check."""
        return {check.name: self._write() for check in checks}

    def _write(self) -> CallOutcome:
        written, failure = self.function.write(self.mark)
        if failure.kind is not OutcomeKind.ALLOWED:
            if failure.perhaps_done:
                self.perhaps = f"an item with {self.mark!r} may be in {self.table.table_name}"
            return failure
        matching = [entry for entry in written if entry.get("table_name") == self.table.table_name]
        if len(matching) != 1 or len(written) != 1:
            self.kept += tuple(f"{entry.get('table_name')}/{entry.get('key')}" for entry in written)
            return CallOutcome(
                OutcomeKind.BROKEN,
                f"the function reports {len(written)} written items, {len(matching)} of them in this table",
            )
        key = str(matching[0].get("key", ""))
        try:
            found = self._read(key, matching[0].get("item"))
        finally:
            self._remove(key)
        return found

    def _read(self, key: str, item: Any) -> CallOutcome:
        try:
            answer = self._call("get_item", Key=self._key(key), ConsistentRead=True)
        except AwsError as error:
            found = outcome.from_answer(error.answer, error.what)
            # A failed read proves nothing about the write.
            return replace(found, kind=OutcomeKind.UNKNOWN, message=f"reading the item: {found.message}", item_key=key)
        stored = {name: value.get("S") for name, value in answer.get("Item", {}).items()}
        if not isinstance(item, Mapping) or stored != dict(item) or self.mark not in stored.values():
            problem = f"the function reports the item {item}, but the table has {stored or 'no item with this key'}"
            return CallOutcome(OutcomeKind.BROKEN, problem, item_key=key)
        return replace(outcome.allowed(outcome.request_id(answer)), item_key=key)

    def _remove(self, key: str) -> None:
        if not self.keep:
            try:
                self._call("delete_item", Key=self._key(key))
                return
            except AwsError:
                pass  # reported as a remaining item
        self.kept += (f"{self.table.table_name}/{key}",)

    def _call(self, method: str, **arguments: Any) -> Any:
        account: Account = replace(self.trusting.account, region=self.table.region)
        return self.aws.call(
            account, "dynamodb", lambda client: getattr(client, method)(TableName=self.table.table_name, **arguments)
        )

    def _key(self, key: str) -> dict[str, Any]:
        return {self.table.hash_key: {"S": key}}
