"""The AWS types that a composition names."""

from __future__ import annotations

import json

import pytest

from tfdriver.terraform.used_types import configured_types, named_types


def test_types_are_found_in_labels_references_and_strings():
    text = b'resource "aws_iam_role" "a" {}\ndata aws_region x {}\nx = data.aws_caller_identity.this.id # aws_s3_bucket'
    assert named_types(text) == {"aws_iam_role", "aws_region", "aws_caller_identity", "aws_s3_bucket"}


def test_nested_and_downloaded_modules_count(tmp_path):
    root = tmp_path / "compositions" / "a"
    files = {
        root / "main.tf": 'module "x" {}\nimport { to = aws_sqs_queue.q }',
        root / "other.tf.json": '{"resource": {"aws_kms_key": {}}}',
        root / "notes.txt": "aws_vpc",
        root / ".terraform/modules/x/main.tf": 'resource "aws_lambda_function" "f" {}',
        root / ".terraform/modules/x/inner/main.tofu": 'resource "aws_iam_policy" "p" {}',
        tmp_path / "modules/local/main.tf": 'resource "aws_dynamodb_table" "t" {}',
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folders = [".", ".terraform/modules/x", ".terraform/modules/x/inner", "../../modules/local"]
    manifest = {"Modules": [{"Key": "", "Source": "", "Dir": folder} for folder in folders]}
    (root / ".terraform/modules/modules.json").write_text(json.dumps(manifest))

    found = configured_types(root)

    assert found == {
        "aws_sqs_queue",
        "aws_kms_key",
        "aws_lambda_function",
        "aws_iam_policy",
        "aws_dynamodb_table",
    }


def test_a_module_that_is_missing_is_an_error(tmp_path):
    (tmp_path / ".terraform/modules").mkdir(parents=True)
    (tmp_path / ".terraform/modules/modules.json").write_text('{"Modules": [{"Dir": "gone"}]}')
    with pytest.raises(OSError, match="gone"):
        configured_types(tmp_path)
