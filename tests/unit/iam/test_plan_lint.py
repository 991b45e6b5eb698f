"""Dangerous policies in a plan's JSON."""

from __future__ import annotations

import json

import pytest

from tfdriver.iam.lint import Severity
from tfdriver.iam.plan_lint import dangerous, unseen_policies

ERROR, WARNING = Severity.ERROR, Severity.WARNING
INNER = 'module.foo_bar.module.inner.module.deep["x"]'
WIDE = (ERROR, "allows every action (`*`)")
TRUSTS_ANYBODY = (ERROR, "trusts principal '*'")


def change(kind, after, *, name="this[0]", mode="managed"):
    prefix = "data." if mode == "data" else ""
    return {
        "address": f"{INNER}.{prefix}{kind}.{name}",
        "module_address": INNER,
        "mode": mode,
        "type": kind,
        "change": {"actions": ["create"], "after": after},
    }


def findings(*changes):
    return [(f.severity, f.what) for f in dangerous({"resource_changes": list(changes)})]


def document(*blocks):
    return change("aws_iam_policy_document", {"statement": list(blocks)}, mode="data")


def policy(**elements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **elements}]})


@pytest.mark.parametrize("kind", ["aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy"])
def test_every_action_in_a_policy(kind):
    assert findings(change(kind, {"policy": policy(Action=["*"], Resource="arn:x")})) == [WIDE]


def test_every_action_in_an_inline_policy():
    role = {"inline_policy": [{"name": "a", "policy": policy(Action="*", Resource="arn:x")}]}
    assert findings(change("aws_iam_role", role)) == [WIDE]


def test_every_action_in_a_policy_document_whose_json_is_not_known_yet():
    block = {"effect": None, "actions": ["*"], "not_actions": None, "resources": [None], "principals": []}
    assert findings(document(block)) == [WIDE]


@pytest.mark.parametrize("action", ["iam:*", "IAM:*"])
def test_every_action_of_iam_on_every_resource(action):
    assert findings(change("aws_iam_policy", {"policy": policy(Action=action, Resource="*")}))[0] == (
        ERROR,
        f"allows every action of IAM on every resource (`{action}`)",
    )


def test_every_action_of_a_service_is_a_warning():
    found = findings(change("aws_iam_policy", {"policy": policy(Action="iam:*", Resource="arn:x")}))
    assert found == [(WARNING, "allows every action of a service (`iam:*`)")]


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_wildcard_principal_in_a_trust_policy(principal):
    text = policy(Action="sts:AssumeRole", Principal=principal)
    assert findings(change("aws_iam_role", {"assume_role_policy": text})) == [TRUSTS_ANYBODY]


@pytest.mark.parametrize("kind", ["AWS", "*"])
def test_a_wildcard_principal_in_a_policy_document(kind):
    block = {"actions": ["sts:AssumeRole"], "principals": [{"type": kind, "identifiers": ["*"]}]}
    assert findings(document(block)) == [TRUSTS_ANYBODY]


def test_all_principals_except_some_in_a_policy_document():
    block = {"actions": ["sts:*"], "not_principals": [{"type": "AWS", "identifiers": ["arn:x"]}]}
    assert findings(document(block)) == [(ERROR, "trusts all principals except some (NotPrincipal)")]


@pytest.mark.parametrize("name", ["AdministratorAccess", "PowerUserAccess"])
@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("aws_iam_role_policy_attachment", "policy_arn"),
        ("aws_iam_role", "managed_policy_arns"),
        ("aws_iam_role_policy_attachments_exclusive", "policy_arns"),
    ],
)
def test_a_policy_of_aws_that_allows_nearly_everything(name, partition, kind, attribute):
    arn = f"arn:{partition}:iam::aws:policy/{name}"
    ((severity, what),) = findings(change(kind, {attribute: arn if attribute == "policy_arn" else [arn]}))
    assert severity is ERROR
    assert what.startswith(f"attaches {name}, which allows ")


@pytest.mark.parametrize(
    "found",
    [
        change("aws_iam_policy", None),  # deleted
        change("aws_iam_policy", {}),  # known after the apply
        change("aws_iam_policy", {"policy": "{}"}),
        change("aws_iam_policy", {"policy": "no JSON"}),
        change("aws_iam_policy", {"policy": policy(Effect="Deny", Action="*", Resource="*")}),
        change("aws_iam_role", {"assume_role_policy": policy(Action="sts:AssumeRole", Principal={"AWS": "2" * 12})}),
        change("aws_iam_role_policy_attachment", {"policy_arn": "arn:aws:iam::111111111111:policy/PowerUserAccess"}),
        change("aws_sqs_queue_policy", {"policy": policy(Action="*", Principal="*")}),
        document({"actions": ["kms:*"], "resources": ["*"], "principals": [{"type": "AWS", "identifiers": ["*"]}]}),
        document({"effect": "Deny", "actions": ["*"], "resources": ["*"]}),
        document({"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["x.aws"]}]}),
    ],
)
def test_what_is_not_dangerous(found):
    assert findings(found) == []


def test_a_finding_names_the_resource_in_its_module_once():
    found = change("aws_iam_policy", {"policy": policy(Action="*", Resource="arn:x")})

    (finding,) = dangerous({"resource_changes": [found, found]})

    assert finding.where == f"{INNER}.aws_iam_policy.this[0]"


def test_a_plan_without_changes_has_no_findings():
    assert dangerous({}) == []


def test_the_source_of_a_policy_document_is_checked():
    source = change("aws_iam_policy_document", {"source_policy_documents": [policy(Action="*", Resource="arn:x")]})
    assert findings(source) == [WIDE]


def unseen(kind, unknown, expressions=None, after=None, *, blocks=True):
    """Return whether a policy that is known only after the apply remains unchecked."""
    found = change(kind, {} if after is None else after)
    found["change"]["after_unknown"] = unknown
    resource = {"mode": "managed", "type": kind, "name": "this", "expressions": expressions or {}}
    module = {"resources": [resource]}
    for name in ("deep", "inner", "foo_bar"):
        module = {"module_calls": {name: {"module": module}}}
    return unseen_policies({"resource_changes": [found], "configuration": {"root_module": module}}, blocks=blocks)


DOCUMENT = {"references": ["data.aws_iam_policy_document.p.json", "data.aws_iam_policy_document.p"]}
ENCODED = {"references": ["aws_sqs_queue.q.arn", "aws_sqs_queue.q"]}


@pytest.mark.parametrize(
    ("kind", "unknown", "expressions"),
    [
        ("aws_iam_policy", {"policy": True}, {"policy": ENCODED}),
        ("aws_iam_policy", {"policy": True}, {"policy": {"references": ["var.policy"]}}),
        ("aws_iam_policy", {"policy": True}, {"policy": {"references": [*DOCUMENT["references"], "var.more"]}}),
        ("aws_iam_policy", {"policy": True}, {}),
        ("aws_iam_role", {"assume_role_policy": True}, {"assume_role_policy": ENCODED}),
        ("aws_iam_role", {"inline_policy": [{"policy": True}]}, {"inline_policy": [{"policy": ENCODED}]}),
        ("aws_iam_role", {"inline_policy": True}, {}),  # perhaps a dynamic block
        ("aws_iam_policy_document", {"statement": True}, {}),
        ("aws_iam_policy_document", {"statement": [{"actions": [False, True]}]}, {}),
        ("aws_iam_policy_document", {"source_policy_documents": [True]}, {}),
    ],
)
def test_policies_that_are_known_only_after_the_apply(kind, unknown, expressions):
    assert unseen(kind, unknown, expressions) == {f"{INNER}.{kind}.this[0]"}


@pytest.mark.parametrize(
    ("kind", "unknown", "expressions"),
    [
        ("aws_iam_policy", {"arn": True}, {"policy": ENCODED}),
        ("aws_iam_policy", {"policy": True}, {"policy": DOCUMENT}),
        ("aws_iam_role", {"inline_policy": [{"policy": True}]}, {"inline_policy": [{"policy": DOCUMENT}]}),
        ("aws_iam_policy_document", {"json": True, "statement": [{"actions": [False], "resources": [True]}]}, {}),
        ("aws_sqs_queue_policy", {"policy": True}, {"policy": ENCODED}),
    ],
)
def test_policies_that_are_known_or_a_documents(kind, unknown, expressions):
    assert unseen(kind, unknown, expressions) == frozenset()


def test_a_new_role_without_inline_policy_blocks_has_no_unseen_policy():
    assert unseen("aws_iam_role", {"inline_policy": True}, blocks=False) == frozenset()
