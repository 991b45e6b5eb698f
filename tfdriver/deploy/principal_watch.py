"""Notices that IAM refuses a principal: the AWS provider retries for two minutes and reports nothing meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tfdriver.clock import Clock
from tfdriver.deploy.ownership import in_module
from tfdriver.errors import TfdriverError
from tfdriver.iam.policy_document import account_of, principals, statements
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.project.outputs_file import ask_owner, file_of
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role
from tfdriver.terraform.events import Event
from tfdriver.terraform.failure import TerraformError

# IAM accepts at once a principal that has existed for a while, and it writes a role in under 3 seconds.
SECONDS = 8.0
_REFUSED = re.compile(r'Invalid principal in policy: "AWS":"([^"]+)"')


@dataclass
class PrincipalWatch:
    """Follows an apply that may write principals which tfdriver cannot read.

    unsure: the ARNs of such principals, by role key; read: returns a role in AWS. `clock` measures how long Terraform
    writes a role. recorded: the compositions whose `outputs.json` lists a principal, by its ARN.
    """

    composition: Composition
    unsure: dict[str, Collection[str]]
    read: Callable[[Role], LiveRole | Unreadable | None]
    clock: Clock
    recorded: Mapping[str, Composition] = field(default_factory=dict)
    _began: dict[str, tuple[Role, float]] = field(default_factory=dict)  # by address
    _stuck: dict[str, Role] = field(default_factory=dict)

    def follow(self, event: Event) -> None:
        """Follow an event of the apply."""
        role = next((r for r in self.composition.roles if in_module(_module(event.address), r)), None)
        if event.resource_type != "aws_iam_role" or role is None or not self.unsure.get(role.key):
            return
        if event.type == "apply_start" and event.action != "delete":
            self._began[event.address] = role, self.clock.monotonic()
        elif event.type in ("apply_complete", "apply_errored"):
            self._began.pop(event.address, None)

    def stuck(self) -> Collection[str]:
        """Return the addresses of the roles whose trust policy IAM refuses, as far as that is known now."""
        for address, (role, began) in list(self._began.items()):
            if self.clock.monotonic() - began > SECONDS:
                del self._began[address]
                if not self._is_written(role):
                    self._stuck[address] = role
        return self._stuck.keys()

    def _is_written(self, role: Role) -> bool:
        live = self.read(role)
        policy = live.trust_policy if isinstance(live, LiveRole) else {}
        trusted = {principal for statement in statements(policy) for principal in principals(statement)}
        return trusted.issuperset(self.unsure[role.key])

    def refusal(self, error: TerraformError) -> TfdriverError | None:
        """Return the error to report for a failed apply if IAM has refused a principal, else None."""
        named = set(_REFUSED.findall(error.what.replace("\\", "")))
        for role in self.composition.roles:
            unsure = self.unsure.get(role.key, ())
            refused = sorted(named & {*unsure}) or (sorted(unsure) if role in self._stuck.values() else [])
            if refused:
                which = "one of these as a principal" if len(refused) > 1 else "this principal"
                reason, hint = self._reason(refused)
                return TfdriverError(
                    f"IAM does not accept {which}: {', '.join(refused)}. {reason}",
                    code="principal_refused",
                    where=role_in_account(role),
                    hint=f"The trust policy was not written. {hint}",
                )
        return None

    def _reason(self, refused: list[str]) -> tuple[str, str]:
        """Return why IAM refuses these principals, and what to do."""
        owners = " or ".join(dict.fromkeys(f"account {account_of(arn)}" for arn in refused))
        stale = next((c for arn, c in self.recorded.items() if arn in refused), None)
        if stale is None:
            hint = f"Correct it in tfdriver.yaml, or ask the owner of {owners} to create it. Run the same command again"
            return "It is misspelt, or it does not exist", hint
        file = file_of(stale)
        return f"{file} is stale: the role was deleted after it was written", ask_owner(stale.account, file)


def _module(address: str) -> str:
    """Return the address of the module of a resource."""
    return address.partition(".aws_iam_role.")[0]
