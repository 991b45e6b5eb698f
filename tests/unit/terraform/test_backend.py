"""The backend in a composition's files."""

from __future__ import annotations

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.terraform.backend import Backend, find_backend, of_folder

S3 = """\
# backend "gcs" {}
terraform {
  required_version = ">= 1.7"
  backend "s3" {
    bucket = "states"
    assume_role = {
      role_arn = "x"
    }
  }
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""


def test_without_a_backend_block_the_state_is_in_the_folder():
    found = find_backend({"main.tf": 'module x {\n  source = "./backend"\n}\n', "bar.zip": b"backend"})
    assert found == Backend("local", "terraform.tfstate", "")
    assert (found.beside, found.remote) == (True, False)


def test_a_backend_block_is_found_in_a_terraform_block():
    found = find_backend({"main.tf": "", "terraform.tf": S3})
    assert (found.kind, found.remote, found.beside) == ("s3", True, False)
    block = S3.splitlines()[3:9]
    assert found.configuration == "\n".join(["terraform {", *block, "}", ""])


@pytest.mark.parametrize(
    ("block", "kind", "path", "beside"),
    [
        ('backend "local" {}', "local", "terraform.tfstate", True),
        ('backend "local" {\n    path = "terraform.tfstate"\n  }', "local", "terraform.tfstate", True),
        ('backend "local" {\n    path = "./terraform.tfstate"\n  }', "local", "terraform.tfstate", True),
        ('backend "local" {\n    path = "../x.tfstate"\n  }', "local", "../x.tfstate", False),
        ('cloud {\n    organization = "acme"\n  }', "cloud", "terraform.tfstate", False),
    ],
)
def test_local_and_cloud_blocks_are_found(block: str, kind: str, path: str, beside: bool):
    found = find_backend({"backend.tf": f"terraform {{\n  {block}\n}}\n"})
    assert (found.kind, found.path, found.beside, found.remote) == (kind, path, beside, kind == "cloud")


def test_invalid_syntax_is_reported_with_its_line():
    with pytest.raises(TfdriverError, match=r"^backend\.tf:1: is not valid Terraform"):
        find_backend({"backend.tf": 'terraform { backend "s3" {'})


def test_the_backend_of_a_rendered_folder_is_found(tmp_path):
    assert of_folder(tmp_path / "missing") == Backend()
    (tmp_path / "backend.tf").write_text(S3)
    assert of_folder(tmp_path).kind == "s3"
    (tmp_path / "backend.tf").write_text('terraform { backend "s3" {')
    assert of_folder(tmp_path) == Backend()
