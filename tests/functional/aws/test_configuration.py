"""Mistakes in the AWS configuration of this machine: said in one line with a cure, before any call is made."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.unit.builders import A
from tfdriver.aws.client import Aws, known_regions, profile_region, takes_keys_from_environment
from tfdriver.cli import main
from tfdriver.errors import TfdriverError
from tfdriver.project.init import init

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
KEYS = f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the two files of the AWS configuration, and hides every other setting."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def write(config: str = "", credentials: str = "") -> None:
        for variable, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
            path = tmp_path / variable.lower()
            path.write_text(text)
            monkeypatch.setenv(variable, str(path))

    write()
    return write


@pytest.mark.parametrize(
    ("config", "credentials", "words"),
    [
        (
            "",
            "",
            "there is no such AWS profile. Run `aws configure --profile account_a` or "
            "`aws configure sso --profile account_a`, or name",
        ),
        ("", "[other]\n" + KEYS, "or use an existing profile: other"),
        ("", "[account_a]\naws_access_key_id = AKIA\n", "no complete credentials. Give the profile an access key and"),
        (
            "",
            f"[account_a]\naws_secret_access_key {SECRET}\n",
            "Unable to parse config file: .* Fix the invalid line in that file",
        ),
        ("[profile account_a\n", "", "Unable to parse config file: .* Fix the invalid line in that file"),
        (
            "[profile account_a]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n",
            "",
            '"gone" .* does not exist. Check the profile in the AWS configuration',
        ),
        (
            "[profile account_a]\ncredential_process = /bin/false\n",
            "",
            "from custom-process. Check the profile in the AWS configuration",
        ),
        (
            "[profile account_a]\ncredential_process = /nowhere/log-in\n",
            "",
            "cannot be read: /nowhere/log-in: No such file or directory. Check the profile's credential_process",
        ),
        (
            f"[profile account_a]\ncredential_process = echo {SECRET}\n",
            "",
            r"program is not JSON: Expecting value: .*\. Check the profile's credential_process",
        ),
        (
            f"[profile account_a]\ncredential_process = echo '[\"{SECRET}\"]'\n",
            "",
            "from custom-process: it printed no object of text. Check the profile",
        ),
        (
            "[profile account_a]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /nowhere/token\n",
            "",
            "/nowhere/token: No such file or directory. Check the profile's .* web_identity_token_file",
        ),
        (
            "[profile account_a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
            "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://sso.invalid\n",
            "",
            "the SSO session has ended. Run `aws sso login --profile account_a`",
        ),
        (
            f"[profile account_a]\nrole_arn = r\nmfa_serial = m\nsource_profile = base\n[profile base]\n{KEYS}",
            "",
            "the profile asks for an MFA code",
        ),
        (
            "[profile account_a]\nrole_arn = r\nsource_profile = base\n"
            f"[profile base]\nrole_arn = s\nmfa_serial = m\nsource_profile = keys\n[profile keys]\n{KEYS}",
            "",
            "its source_profile base asks for an MFA code",
        ),
    ],
)
def test_a_profile_that_cannot_work(files, config, credentials, words):
    files(config, credentials)
    with pytest.raises(TfdriverError, match=words) as caught:
        Aws().caller(A)
    assert str(caught.value).startswith("account account_a (profile account_a): ")
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        f"[profile account_a]\nmfa_serial = m\n{KEYS}",
        f"[profile account_a]\nsource_profile = base\n{KEYS}[profile base]\nrole_arn = r\nmfa_serial = m\n",
        f"[profile account_a]\n{KEYS}[profile other]\nrole_arn = r\nmfa_serial = m\n",
    ],
)
def test_an_mfa_device_that_no_role_is_assumed_with_is_no_hindrance(files, monkeypatch, config):
    files(config)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(TfdriverError, match="Invalid endpoint: nonsense"):  # so it came to ask AWS
        Aws().caller(A)


def test_an_endpoint_that_is_none(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(TfdriverError, match=r"Invalid endpoint: nonsense\. Check AWS_ENDPOINT_URL"):
        Aws().caller(A)


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_an_error_of_our_own_code_is_not_blamed_on_the_profile(files, error):
    files(credentials="[account_a]\n" + KEYS)

    def ask(_client):
        raise error("a mistake of ours")

    with pytest.raises(error, match="a mistake of ours"):
        Aws().call(A, "iam", ask)


class Portal(BaseHTTPRequestHandler):
    """Answers everything with a page, as the network of a hotel does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome<br>")

    def log_message(self, *_: object) -> None:
        pass


def test_who_answers_and_is_not_aws(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(
            TfdriverError,
            match=r"the endpoint returned a response that is not AWS's\. Check the network and AWS_ENDPOINT_URL",
        ):
            Aws().caller(A)
        server.shutdown()


def test_a_password_in_an_endpoint_is_not_repeated(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://me:{SECRET}@127.0.0.1:9")
    with pytest.raises(TfdriverError, match="AWS cannot be reached") as caught:
        Aws().caller(A)
    assert SECRET not in str(caught.value)


def test_what_asks_aws_nothing_does_not_read_it(files, tmp_path, capsys):
    files(config="[profile account_a\n")
    known_regions.cache_clear()
    init(tmp_path / "p")
    assert main.run(["-C", str(tmp_path / "p"), "render"]) == 0
    assert main.run(["-C", str(tmp_path / "p"), "policy"]) == 0


def test_a_region_that_is_to_come_from_it_cannot(files):
    files(config="[profile account_a\n")
    with pytest.raises(
        TfdriverError, match=r"profile account_a: Unable to parse config file: .* Fix the invalid line in that file"
    ):
        profile_region("account_a")


@pytest.mark.parametrize(
    ("config", "takes"),
    [
        ("[profile p]\nrole_arn = r\ncredential_source = Environment\n", True),
        ("[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\ncredential_source = environment\n", True),
        ("[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nrole_arn = r\nsource_profile = p\n", False),
        ("[profile p]\nrole_arn = r\nsource_profile = gone\n", False),
        ("[profile p]\nrole_arn = r\ncredential_source = EcsContainer\n", False),
        ("[profile p]\n[profile q]\ncredential_source = Environment\n", False),
        ("", False),
    ],
)
def test_which_profile_takes_its_keys_from_the_environment(files, config, takes):
    files(config)
    assert takes_keys_from_environment("p") is takes


def test_whether_it_does_cannot_be_told_from_a_broken_file(files):
    files("[profile p\n")
    with pytest.raises(
        TfdriverError, match=r"profile p: Unable to parse config file: .* Fix the invalid line in that file"
    ):
        takes_keys_from_environment("p")
