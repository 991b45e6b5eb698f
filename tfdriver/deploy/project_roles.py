"""Reads the project's roles from AWS and refuses unmanaged ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tfdriver.aws.observe import Observation, RoleReader, observe
from tfdriver.deploy.ownership import Owner, States, in_module, owners, refuse_replaced, refuse_unmanaged
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role
from tfdriver.terraform.events import Event


class ProjectRoles:
    """The project's roles in AWS.

    states: reads the compositions' current states; others: trusting roles that exist under other names than in the
    spec.
    """

    def __init__(
        self,
        workspace: Workspace,
        reader: RoleReader,
        states: Callable[[Iterable[Composition]], States],
        others: Iterable[Role] = (),
    ) -> None:
        self._workspace = workspace
        self._reader = reader
        self._states = states
        self._others = {role.arn: role for role in others}

    def observe(self) -> Observation:
        """Return the roles in AWS now."""
        return observe(self._workspace.spec, self._reader, self._others.values())

    def observe_managed(self, outcome: str = "Completed changes are kept") -> Observation:
        """Return the roles in AWS now; refuse unmanaged roles that were created since the run began.

        outcome: starts the hint.
        """
        compositions = self._workspace.compositions
        states = self._states(compositions)
        observation = self.observe()
        refuse_replaced(compositions, states, self._reader.read_role, outcome)
        refuse_unmanaged(compositions, observation, states, outcome=outcome)
        return observation

    def refuse_replaced(self, states: States) -> None:
        """Refuse unmanaged roles that have the name of a deleted role in these states."""
        refuse_replaced(self._workspace.compositions, states, self._reader.read_role)

    def refuse_replaced_in(self, composition: Composition) -> None:
        """Refuse unmanaged roles that have the name of a deleted role in the composition's current state."""
        refuse_replaced(
            [composition], self._states([composition]), self._reader.read_role, "Completed changes are kept"
        )

    def unmanaged(self, observation: Observation) -> frozenset[str]:
        """Return the keys of the unmanaged roles in AWS."""
        compositions = self._workspace.compositions
        found = owners(compositions, observation, self._states(compositions))
        return frozenset(key for key, role_owner in found.items() if role_owner is Owner.UNMANAGED)

    def keep_other(self, composition: Composition, event: Event) -> None:
        """Keep a role that a trusting composition created under another name: its trust may be broad, too."""
        if event.type != "apply_complete" or event.resource_type != "aws_iam_role" or event.action == "delete":
            return
        for role in composition.roles:
            if role.trusts and event.id not in ("", role.name) and in_module(event.address, role):
                other = replace(role, name=event.id)
                self._others[other.arn] = other
