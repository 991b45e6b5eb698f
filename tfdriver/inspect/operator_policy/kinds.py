"""What the operator must be allowed to do for each resource type: what Terraform's AWS provider calls.

Measured: version 5.100 of the provider creating, changing, tagging and destroying each of them, in the sandbox's log of
calls. Two things that the sandbox does not ask for, but AWS does, are marked. Changing a role's permissions boundary is
left out on purpose: an operator who may do that is not bound by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ResourceActions:
    """What a resource type needs on the resource's ARN. Actions without their service stand for those of `service`.

    statement: the `Sid` of the statement they go into; read: always; write: to create and change; delete: to destroy;
    verify: what `tfdriver verify` calls; more: further actions to write, by the argument or block that makes the
    provider call them.
    """

    statement: str
    service: str
    read: str
    write: str = ""
    delete: str = ""
    verify: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def actions(self, *lists: str) -> set[str]:
        """Return what these lists of actions name, with the service in front."""
        return {f"{self.service}:{action}" for actions in lists for action in actions.split()}


KINDS: Mapping[str, ResourceActions] = {
    "aws_cloudwatch_event_rule": ResourceActions(
        "Rules",
        "events",
        read="DescribeRule ListTagsForResource",
        write="PutRule TagResource UntagResource",
        delete="DeleteRule",
    ),
    "aws_cloudwatch_event_target": ResourceActions(
        "Rules", "events", read="DescribeRule ListTargetsByRule", write="PutTargets", delete="RemoveTargets"
    ),
    "aws_cloudwatch_log_group": ResourceActions(
        "LogGroups",
        "logs",
        read="ListTagsForResource",
        write="CreateLogGroup PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource",
        delete="DeleteLogGroup",
    ),
    "aws_dynamodb_table": ResourceActions(
        "Tables",
        "dynamodb",
        read="DescribeTable DescribeContinuousBackups DescribeTimeToLive ListTagsOfResource",
        write="CreateTable UpdateTable TagResource UntagResource",
        delete="DeleteTable",
        more={"ttl": "UpdateTimeToLive", "point_in_time_recovery": "UpdateContinuousBackups"},
    ),
    "aws_iam_policy": ResourceActions(
        "Policies",
        "iam",
        read="GetPolicy GetPolicyVersion",
        # IAM keeps five versions: the oldest makes room.
        write="CreatePolicy CreatePolicyVersion ListPolicyVersions DeletePolicyVersion TagPolicy UntagPolicy",
        delete="DeletePolicy ListPolicyVersions DeletePolicyVersion",
        verify="GetPolicy GetPolicyVersion",
    ),
    "aws_iam_role": ResourceActions(
        "Roles",
        "iam",
        read="GetRole ListRolePolicies ListAttachedRolePolicies",
        write="CreateRole UpdateAssumeRolePolicy UpdateRoleDescription TagRole UntagRole",
        delete="DeleteRole ListInstanceProfilesForRole",
        # Somebody may have added an inline policy by hand.
        verify="GetRole ListRolePolicies ListAttachedRolePolicies GetRolePolicy",
        more={
            "max_session_duration": "UpdateRole",
            "inline_policy": "GetRolePolicy PutRolePolicy DeleteRolePolicy",
            "managed_policy_arns": "AttachRolePolicy DetachRolePolicy",
        },
    ),
    "aws_iam_role_policy": ResourceActions(
        "Roles", "iam", read="GetRole GetRolePolicy ListRolePolicies", write="PutRolePolicy", delete="DeleteRolePolicy"
    ),
    # Attaching and detaching are statements of their own: they are bound to the policy as well.
    "aws_iam_role_policy_attachment": ResourceActions("Roles", "iam", read="GetRole ListAttachedRolePolicies"),
    "aws_lambda_function": ResourceActions(
        "Functions",
        "lambda",
        # AWS: GetFunction gives the tags only to those who may list them (Lambda API, GetFunction, "Tags").
        read="GetFunction GetFunctionCodeSigningConfig ListVersionsByFunction ListTags",
        write="CreateFunction UpdateFunctionCode UpdateFunctionConfiguration TagResource UntagResource",
        delete="DeleteFunction",
    ),
    "aws_lambda_permission": ResourceActions(
        "Functions", "lambda", read="GetFunction GetPolicy", write="AddPermission", delete="RemovePermission"
    ),
    "aws_sns_topic": ResourceActions(
        "Topics",
        "sns",
        read="GetTopicAttributes ListTagsForResource",
        write="CreateTopic SetTopicAttributes TagResource UntagResource",
        delete="DeleteTopic",
    ),
    "aws_sqs_queue": ResourceActions(
        "Queues",
        "sqs",
        read="GetQueueAttributes GetQueueUrl ListQueueTags",
        write="CreateQueue SetQueueAttributes TagQueue UntagQueue",
        delete="DeleteQueue",
    ),
}
