"""The resource types that tfdriver supports: the IAM actions that Terraform needs, and the ARN.

The actions were recorded in the sandbox's call log while AWS provider 5.100 created, updated, tagged and deleted each
resource; comments mark the actions that only AWS requires. Updating a role's permissions boundary is not included: an
operator with that permission could remove the boundary.
Source: Service Authorization Reference, "Resource types" of each service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tfdriver.spec.model import Account

# Stands for the random end of a secret's ARN: six characters. No plan can contain it: it is an unpaired surrogate.
RANDOM_CHARACTER = "\ud801"


@dataclass(frozen=True)
class ResourceType:
    """A resource type. Lists of actions omit the prefix of the service."""

    statement: str  # the `Sid` of the policy statement with its actions
    service: str
    pattern: str  # of its ARN, or of its parent's, with arguments, `path` and `bus` in braces
    read: str  # actions that are always needed
    write: str = ""  # actions that create and update
    delete: str = ""
    more: Mapping[str, str] = field(default_factory=dict)  # further write actions, by the argument that requires them
    anywhere: str = ""  # those of the actions that AWS checks without a resource
    tagged: bool = True  # whether it has tags of its own
    role_argument: str = ""  # the argument with the ARN or name of a role that `passed_to` assumes
    passed_to: str = ""  # the service that assumes the role, if it is not `service`
    keyed: bool = False  # whether Terraform reads or writes what a KMS key encrypts

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments in the pattern, the identifying one last."""
        found = re.findall(r"\{(\w+)\}", self.pattern)
        return tuple(name for name in found if name not in ("partition", "region", "account", "path", "bus", "random"))

    def actions(self, *lists: str) -> set[str]:
        """Return the actions in these lists with the prefix of the service."""
        return {f"{self.service}:{action}" for actions in lists for action in actions.split()}

    def arn(self, account: Account, **names: str) -> str:
        """Return the ARN of a resource in an account. names: the values for the pattern."""
        where = {"partition": account.partition, "region": account.region, "account": account.id}
        return self.pattern.format(**where, random=RANDOM_CHARACTER * 6, **names)


def _of_bucket(read: str, write: str, delete: str | None = None) -> ResourceType:
    """Return the type of a part of a bucket. delete: the same as write if it is None."""
    return ResourceType(
        statement="Buckets",
        service="s3",
        pattern="arn:{partition}:s3:::{bucket}",
        read=read,
        write=write,
        delete=write if delete is None else delete,
        tagged=False,
    )


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "aws_cloudwatch_event_rule": ResourceType(
        statement="Rules",
        service="events",
        pattern="arn:{partition}:events:{region}:{account}:rule/{bus}{name}",
        read="DescribeRule ListTagsForResource",
        write="PutRule TagResource UntagResource",
        delete="DeleteRule",
    ),
    "aws_cloudwatch_event_target": ResourceType(
        statement="Rules",
        service="events",
        pattern="arn:{partition}:events:{region}:{account}:rule/{bus}{rule}",
        read="DescribeRule ListTargetsByRule",
        write="PutTargets",
        delete="RemoveTargets",
        tagged=False,
        role_argument="role_arn",
    ),
    "aws_cloudwatch_log_group": ResourceType(
        statement="LogGroups",
        service="logs",
        pattern="arn:{partition}:logs:{region}:{account}:log-group:{name}",
        read="ListTagsForResource",
        write="CreateLogGroup PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource",
        delete="DeleteLogGroup",
    ),
    "aws_dynamodb_table": ResourceType(
        statement="Tables",
        service="dynamodb",
        pattern="arn:{partition}:dynamodb:{region}:{account}:table/{name}",
        read="DescribeTable DescribeContinuousBackups DescribeTimeToLive ListTagsOfResource",
        write="CreateTable UpdateTable TagResource UntagResource",
        delete="DeleteTable",
        more={"ttl": "UpdateTimeToLive", "point_in_time_recovery": "UpdateContinuousBackups"},
    ),
    "aws_iam_instance_profile": ResourceType(
        statement="InstanceProfiles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:instance-profile{path}{name}",
        read="GetInstanceProfile",
        write="CreateInstanceProfile AddRoleToInstanceProfile RemoveRoleFromInstanceProfile TagInstanceProfile "
        "UntagInstanceProfile",
        delete="DeleteInstanceProfile RemoveRoleFromInstanceProfile",
        role_argument="role",
        passed_to="ec2",
    ),
    "aws_iam_openid_connect_provider": ResourceType(
        statement="IdentityProviders",
        service="iam",
        pattern="arn:{partition}:iam::{account}:oidc-provider/{url}",
        read="GetOpenIDConnectProvider",
        write="CreateOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint AddClientIDToOpenIDConnectProvider "
        "RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider UntagOpenIDConnectProvider",
        delete="DeleteOpenIDConnectProvider",
    ),
    "aws_iam_policy": ResourceType(
        statement="Policies",
        service="iam",
        pattern="arn:{partition}:iam::{account}:policy{path}{name}",
        read="GetPolicy GetPolicyVersion",
        # IAM keeps five versions: the provider deletes the oldest.
        write="CreatePolicy CreatePolicyVersion ListPolicyVersions DeletePolicyVersion TagPolicy UntagPolicy",
        delete="DeletePolicy ListPolicyVersions DeletePolicyVersion",
    ),
    "aws_iam_role": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role{path}{name}",
        # The provider also reads inline policies that were added by hand.
        read="GetRole ListRolePolicies ListAttachedRolePolicies GetRolePolicy",
        write="CreateRole UpdateAssumeRolePolicy UpdateRoleDescription TagRole UntagRole",
        delete="DeleteRole ListInstanceProfilesForRole",
        more={
            "max_session_duration": "UpdateRole",
            "inline_policy": "PutRolePolicy DeleteRolePolicy",
            "managed_policy_arns": "AttachRolePolicy DetachRolePolicy",
        },
    ),
    "aws_iam_role_policy": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role/{role}",
        read="GetRole GetRolePolicy ListRolePolicies",
        write="PutRolePolicy",
        delete="DeleteRolePolicy",
        tagged=False,
    ),
    # Attach and detach have separate statements, with a condition on the policy.
    "aws_iam_role_policy_attachment": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role/{role}",
        read="GetRole ListAttachedRolePolicies",
        tagged=False,
    ),
    "aws_kms_alias": ResourceType(
        statement="Aliases",
        service="kms",
        pattern="arn:{partition}:kms:{region}:{account}:{name}",
        read="ListAliases",
        write="CreateAlias UpdateAlias",
        delete="DeleteAlias",
        anywhere="ListAliases",
        tagged=False,
    ),
    "aws_kms_key": ResourceType(
        statement="Keys",
        service="kms",
        pattern="arn:{partition}:kms:{region}:{account}:key/{key_id}",
        read="DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags",
        write="CreateKey PutKeyPolicy UpdateKeyDescription EnableKey DisableKey EnableKeyRotation DisableKeyRotation "
        "TagResource UntagResource",
        delete="ScheduleKeyDeletion",
        anywhere="CreateKey",
    ),
    "aws_kms_key_policy": ResourceType(
        statement="Keys",
        service="kms",
        pattern="arn:{partition}:kms:{region}:{account}:key/{key_id}",
        read="DescribeKey GetKeyPolicy",
        write="PutKeyPolicy",
        delete="PutKeyPolicy",
        tagged=False,
    ),
    "aws_lambda_function": ResourceType(
        statement="Functions",
        service="lambda",
        pattern="arn:{partition}:lambda:{region}:{account}:function:{function_name}",
        # Only AWS: GetFunction returns the tags only with permission for ListTags (Lambda API, GetFunction, "Tags").
        read="GetFunction GetFunctionCodeSigningConfig ListVersionsByFunction ListTags",
        write="CreateFunction UpdateFunctionCode UpdateFunctionConfiguration TagResource UntagResource",
        delete="DeleteFunction",
        role_argument="role",
    ),
    "aws_lambda_permission": ResourceType(
        statement="Functions",
        service="lambda",
        pattern="arn:{partition}:lambda:{region}:{account}:function:{function_name}",
        read="GetFunction GetPolicy",
        write="AddPermission",
        delete="RemovePermission",
        tagged=False,
    ),
    "aws_s3_bucket": ResourceType(
        statement="Buckets",
        service="s3",
        pattern="arn:{partition}:s3:::{bucket}",
        read="ListBucket GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLogging GetBucketPolicy "
        "GetBucketObjectLockConfiguration GetBucketRequestPayment GetBucketTagging GetBucketVersioning "
        "GetBucketWebsite GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration "
        "ListTagsForResource",  # only AWS, and only since version 6 of the provider
        write="CreateBucket PutBucketTagging TagResource UntagResource",
        delete="DeleteBucket",
        more={"object_lock_enabled": "PutBucketObjectLockConfiguration"},
    ),
    "aws_s3_bucket_acl": _of_bucket("GetBucketAcl", "PutBucketAcl", ""),
    "aws_s3_bucket_cors_configuration": _of_bucket("GetBucketCORS", "PutBucketCORS"),
    "aws_s3_bucket_lifecycle_configuration": _of_bucket("GetLifecycleConfiguration", "PutLifecycleConfiguration"),
    "aws_s3_bucket_logging": _of_bucket("GetBucketLogging", "PutBucketLogging"),
    "aws_s3_bucket_notification": _of_bucket("GetBucketNotification", "PutBucketNotification"),
    "aws_s3_bucket_ownership_controls": _of_bucket("GetBucketOwnershipControls", "PutBucketOwnershipControls"),
    "aws_s3_bucket_policy": _of_bucket("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    "aws_s3_bucket_public_access_block": _of_bucket("GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    "aws_s3_bucket_server_side_encryption_configuration": _of_bucket(
        "GetEncryptionConfiguration", "PutEncryptionConfiguration"
    ),
    "aws_s3_bucket_versioning": _of_bucket("GetBucketVersioning", "PutBucketVersioning"),
    "aws_s3_object": ResourceType(
        statement="Objects",
        service="s3",
        pattern="arn:{partition}:s3:::{bucket}/{key}",
        read="GetObject GetObjectTagging",
        write="PutObject PutObjectTagging",
        delete="DeleteObject DeleteObjectVersion",
        keyed=True,
        tagged=False,
    ),
    "aws_scheduler_schedule": ResourceType(
        statement="Schedules",
        service="scheduler",
        pattern="arn:{partition}:scheduler:{region}:{account}:schedule/{group_name}/{name}",
        read="GetSchedule",
        write="CreateSchedule UpdateSchedule",
        delete="DeleteSchedule",
        tagged=False,
        role_argument="target.role_arn",
    ),
    "aws_scheduler_schedule_group": ResourceType(
        statement="ScheduleGroups",
        service="scheduler",
        pattern="arn:{partition}:scheduler:{region}:{account}:schedule-group/{name}",
        read="GetScheduleGroup ListTagsForResource",
        write="CreateScheduleGroup TagResource UntagResource",
        delete="DeleteScheduleGroup",
    ),
    "aws_secretsmanager_secret": ResourceType(
        statement="Secrets",
        service="secretsmanager",
        pattern="arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{random}",
        # By a name that does not exist, AWS allows DescribeSecret only on all secrets: tfdriver lists them.
        read="DescribeSecret GetResourcePolicy ListSecrets",
        write="CreateSecret UpdateSecret TagResource UntagResource",
        delete="DeleteSecret",
        more={"policy": "PutResourcePolicy DeleteResourcePolicy"},
        anywhere="ListSecrets",
        keyed=True,
    ),
    "aws_secretsmanager_secret_policy": ResourceType(
        statement="Secrets",
        service="secretsmanager",
        pattern="arn:{partition}:secretsmanager:{region}:{account}:secret:{secret_arn}-{random}",
        read="DescribeSecret GetResourcePolicy",
        write="PutResourcePolicy",
        delete="DeleteResourcePolicy",
        tagged=False,
    ),
    "aws_secretsmanager_secret_version": ResourceType(
        statement="Secrets",
        service="secretsmanager",
        pattern="arn:{partition}:secretsmanager:{region}:{account}:secret:{secret_id}-{random}",
        read="DescribeSecret GetSecretValue",
        write="PutSecretValue UpdateSecretVersionStage",
        delete="UpdateSecretVersionStage",
        keyed=True,
        tagged=False,
    ),
    "aws_sns_topic": ResourceType(
        statement="Topics",
        service="sns",
        pattern="arn:{partition}:sns:{region}:{account}:{name}",
        read="GetTopicAttributes ListTagsForResource",
        write="CreateTopic SetTopicAttributes TagResource UntagResource",
        delete="DeleteTopic",
    ),
    "aws_sns_topic_policy": ResourceType(
        statement="Topics",
        service="sns",
        pattern="arn:{partition}:sns:{region}:{account}:{arn}",
        read="GetTopicAttributes",
        write="SetTopicAttributes",
        delete="SetTopicAttributes",
        tagged=False,
    ),
    "aws_sns_topic_subscription": ResourceType(
        statement="Topics",
        service="sns",
        pattern="arn:{partition}:sns:{region}:{account}:{topic_arn}",
        read="GetSubscriptionAttributes ListSubscriptionsByTopic",
        write="Subscribe SetSubscriptionAttributes",
        delete="Unsubscribe",
        anywhere="GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe",
        tagged=False,
    ),
    "aws_sqs_queue": ResourceType(
        statement="Queues",
        service="sqs",
        pattern="arn:{partition}:sqs:{region}:{account}:{name}",
        read="GetQueueAttributes GetQueueUrl ListQueueTags",
        write="CreateQueue SetQueueAttributes TagQueue UntagQueue",
        delete="DeleteQueue",
    ),
    "aws_sqs_queue_policy": ResourceType(
        statement="Queues",
        service="sqs",
        pattern="arn:{partition}:sqs:{region}:{account}:{queue_url}",
        read="GetQueueAttributes",
        write="SetQueueAttributes",
        delete="SetQueueAttributes",
        tagged=False,
    ),
}


def _data(kind: str, read: str, anywhere: str = "") -> ResourceType:
    """Return a type as a data source. anywhere: further actions, which AWS checks without a resource."""
    known = RESOURCE_TYPES[kind]
    return ResourceType(
        statement=f"Read{known.statement}",
        service=known.service,
        pattern=known.pattern,
        read=f"{read} {anywhere}",
        anywhere=anywhere,
    )


# What Terraform calls for a data source, recorded as above.
DATA_SOURCES: Mapping[str, ResourceType] = {
    "aws_cloudwatch_log_group": _data("aws_cloudwatch_log_group", "ListTagsForResource"),
    "aws_dynamodb_table": _data("aws_dynamodb_table", RESOURCE_TYPES["aws_dynamodb_table"].read),
    "aws_iam_instance_profile": _data("aws_iam_instance_profile", "GetInstanceProfile"),
    "aws_iam_openid_connect_provider": _data(
        "aws_iam_openid_connect_provider", "GetOpenIDConnectProvider", "ListOpenIDConnectProviders"
    ),
    "aws_iam_policy": _data("aws_iam_policy", "GetPolicy GetPolicyVersion", "ListPolicies"),
    "aws_iam_role": _data("aws_iam_role", "GetRole"),
    "aws_kms_alias": _data("aws_kms_alias", "DescribeKey", "ListAliases"),
    "aws_kms_key": _data("aws_kms_key", "DescribeKey"),
    "aws_s3_bucket": _data("aws_s3_bucket", "ListBucket GetBucketWebsite"),
    "aws_secretsmanager_secret": _data("aws_secretsmanager_secret", "DescribeSecret GetResourcePolicy"),
    "aws_sns_topic": _data("aws_sns_topic", "ListTagsForResource", "ListTopics"),
    "aws_sqs_queue": _data("aws_sqs_queue", "GetQueueAttributes GetQueueUrl ListQueueTags"),
}
