"""The difference between two policy documents as lines."""

from __future__ import annotations

from tfdriver.iam.policy_diff import diff_lines


def policy(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


READ = {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
LOGS = {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "*"}


def test_a_widened_statement_shows_the_changed_element_among_the_others():
    before, after = policy(LOGS, READ), policy(LOGS, READ | {"Action": "s3:*"})

    assert diff_lines(before, after) == [
        "  {",
        '    "Sid": "Read",',
        '    "Effect": "Allow",',
        '-   "Action": "s3:GetObject",',
        '+   "Action": "s3:*",',
        '    "Resource": "*"',
        "  }",
        "  # 1 unchanged statement",
    ]


def test_an_added_and_a_removed_statement_are_whole():
    added = diff_lines(policy(READ), policy(READ, LOGS))

    assert [line[0] for line in added] == ["+"] * 5 + [" "]
    assert [line.replace("+", "-", 1) for line in added[:-1]] == diff_lines(policy(READ, LOGS), policy(READ))[:-1]
    assert {line[0] for line in diff_lines(None, policy(READ))} == {"+"}


def test_statements_of_the_same_sid_are_compared_wherever_they_are():
    other = {"Sid": "Other", "Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    changed = diff_lines(policy(READ, other), policy(other | {"Effect": "Allow"}, READ | {"Effect": "Deny"}))

    assert [line for line in changed if line[0] != " "] == [
        '-   "Effect": "Allow",',
        '+   "Effect": "Deny",',
        '-   "Effect": "Deny",',
        '+   "Effect": "Allow",',
    ]


def test_policies_that_differ_only_in_notation_have_no_difference():
    two = {"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["*"]}

    assert diff_lines(policy(READ, two), policy(two | {"Action": ["a:C", "a:B"], "Resource": "*"}, READ)) == []
    assert diff_lines({"Statement": READ}, policy(READ)) == []


def test_a_document_that_iam_would_not_accept_is_compared_all_the_same():
    strange = {"Statement": ["text", {"Sid": {"a": 1}, "Action": None}]}

    assert diff_lines(strange, policy(READ))
