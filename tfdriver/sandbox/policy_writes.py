"""Checks the resource policies that calls write: AWS refuses a policy that names a user or role which does not exist.

Sources: IAM user guide, troubleshoot_policies ("Invalid principal in policy"), and each service's API reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tfdriver.iam.policy_document import Document, principals, statements
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.responses import ResponseError

_KMS = "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."
_SNS = "InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound"
_SQS = "InvalidAttributeValue", "Invalid value for the parameter Policy."
# Operation -> the error's code and message.
_REFUSALS = {
    "dynamodb:PutResourcePolicy": ("ValidationException", "Invalid policy document: Invalid principal in policy"),
    "ecr:SetRepositoryPolicy": ("InvalidParameterException", "Invalid repository policy provided"),
    "kms:CreateKey": _KMS,
    "kms:PutKeyPolicy": _KMS,
    "s3:PutBucketPolicy": ("MalformedPolicy", "Invalid principal in policy"),
    "secretsmanager:PutResourcePolicy": (_KMS[0], "This resource policy contains an unsupported principal."),
    "sns:CreateTopic": _SNS,
    "sns:SetTopicAttributes": _SNS,
    "sqs:CreateQueue": _SQS,
    "sqs:SetQueueAttributes": _SQS,
}
_USER_OR_ROLE = re.compile(r"arn:[\w-]+:(?:iam::\d{12}:(?:user|role)/|sts::\d{12}:assumed-role/).+")


def check_principals(call: Call, body: bytes, is_missing: Callable[[str], bool]) -> None:
    """Raise ResponseError if a call writes a resource policy with a user or role for which `is_missing` is true.

    body: of the request. is_missing: gets an ARN.
    """
    refusal = _REFUSALS.get(f"{call.service}:{call.operation}")
    if refusal is None:
        return
    for statement in statements(_written(call, body)):
        for principal in principals(statement):
            if _USER_OR_ROLE.fullmatch(principal) and is_missing(principal):
                raise ResponseError(*refusal)


def _written(call: Call, body: bytes) -> Document:
    """Return the policy that a call writes, {} for none."""
    parameters, attributes = call.parameters, call.parameters.get("Attributes")
    found = call.text("Policy", "ResourcePolicy", "policyText")
    if call.service == "s3":
        found = body.decode(errors="replace")
    elif isinstance(attributes, dict):
        found = str(attributes.get("Policy", ""))
    elif call.service == "sns":
        if call.text("AttributeName") == "Policy":
            found = call.text("AttributeValue")
        for name, value in parameters.items():  # `Attributes.entry.1.key` and `Attributes.entry.1.value`
            if value == "Policy" and name.endswith(".key"):
                found = call.text(name.removesuffix("key") + "value")
    try:
        document = json.loads(found or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
