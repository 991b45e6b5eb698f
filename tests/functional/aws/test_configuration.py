"""Errors in the local AWS configuration: one line with a hint, before any call to AWS."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.unit.builders import A
from tfdriver.aws.calls import AwsError
from tfdriver.aws.client import Aws, known_regions, new_session, profile_region, takes_keys_from_environment
from tfdriver.cli import main
from tfdriver.errors import TfdriverError

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
KEYS = f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the two AWS configuration files, and removes all other settings."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def write(config: str = "", credentials: str = "") -> None:
        for variable, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
            path = tmp_path / variable.lower()
            path.write_text(text)
            monkeypatch.setenv(variable, str(path))

    write()
    return write


SSO = """[profile account_a]
sso_session = s
sso_account_id = 1
sso_role_name = r
[sso-session s]
sso_region = us-east-1
sso_start_url = https://sso.invalid
"""
MFA = f"[profile account_a]\nrole_arn = r\nmfa_serial = m\nsource_profile = base\n[profile base]\n{KEYS}"
MFA_OF_THE_SOURCE_PROFILE = f"""[profile account_a]
role_arn = r
source_profile = base
[profile base]
role_arn = s
mfa_serial = m
source_profile = keys
[profile keys]
{KEYS}"""


def process(command: str) -> str:
    return f"[profile account_a]\ncredential_process = {command}\n"


def role(**settings: str) -> str:
    lines = [f"{key} = {value}\n" for key, value in settings.items()]
    return "".join(["[profile account_a]\nrole_arn = arn:aws:iam::1:role/x\n", *lines])


@pytest.mark.parametrize(
    ("config", "credentials", "code", "words"),
    [
        ("", "", "profile_not_found", "Run `aws configure --profile account_a` or `aws configure sso"),
        ("", f"[other]\n{KEYS}", "profile_not_found", "or use an existing profile: other"),
        ("", "[account_a]\naws_access_key_id = AKIA\n", "no_credentials", "Give the profile an access key and"),
        ("", f"[account_a]\naws_secret_access_key {SECRET}\n", "invalid_aws_config", "Fix the invalid line"),
        ("[profile account_a\n", "", "invalid_aws_config", "Fix the invalid line in that file"),
        (role(source_profile="gone"), "", "invalid_aws_config", '"gone" .* does not exist'),
        (process("/bin/false"), "", "invalid_aws_config", "from custom-process. Check the profile in"),
        (
            process("/nowhere/log-in"),
            "",
            "no_credentials",
            "cannot be read: /nowhere/log-in: No such file",
        ),
        (process(f"echo {SECRET}"), "", "no_credentials", r"program is not JSON: Expecting value: .*\. Check"),
        (process(f"echo '[\"{SECRET}\"]'"), "", "invalid_aws_config", "its output is not a JSON object of strings"),
        (role(web_identity_token_file="/nowhere/token"), "", "no_credentials", "/nowhere/token: No such file"),
        (
            f"[profile account_a]\nsource_profile = base\n{KEYS}[profile base]\n{KEYS}",
            "",
            "invalid_aws_config",
            r"the profile has source_profile without role_arn, which Terraform refuses\. In profile account_a",
        ),
        (
            role(source_profile="base") + f"[profile base]\ncredential_source = Environment\n{KEYS}",
            "",
            "invalid_aws_config",
            "its source_profile base has credential_source without role_arn",
        ),
        (
            role(source_profile="base", web_identity_token_file="token") + f"[profile base]\n{KEYS}",
            "",
            "invalid_aws_config",
            "the profile has source_profile and web_identity_token_file, of which Terraform accepts one",
        ),
        (
            role(web_identity_token_file="token") + KEYS,
            "",
            "invalid_aws_config",
            "the profile has access keys and web_identity_token_file, and Terraform would use the access keys",
        ),
        (
            "",
            f"[profile account_a]\n{KEYS}",
            "profile_not_found",
            r"In the credentials file, write \[account_a\] instead of \[profile account_a\]",
        ),
        (
            "[profile account_a]\nregion = us-west-2\n",
            f"[profile account_a]\n{KEYS}",
            "no_credentials",
            r"In the credentials file, write \[account_a\]",
        ),
        (
            f"[account_a]\n{KEYS}",
            "",
            "profile_not_found",
            r"In the config file, write \[profile account_a\] instead of",
        ),
        (SSO, "", "sso_login_required", "Run `aws sso login --profile account_a`"),
        (MFA, "", "mfa_required", "the profile asks for an MFA code"),
        (MFA_OF_THE_SOURCE_PROFILE, "", "mfa_required", "its source_profile base asks for an MFA code"),
    ],
)
def test_a_profile_without_usable_credentials_is_an_error(files, config, credentials, code, words):
    files(config, credentials)

    with pytest.raises(TfdriverError, match=words) as raised:
        Aws().caller(A)

    assert raised.value.code == code
    assert str(raised.value).startswith("account account_a (profile account_a): ")
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "config",
    [
        f"[profile account_a]\nmfa_serial = m\n{KEYS}",
        f"[profile account_a]\n{KEYS}[profile other]\nrole_arn = r\nmfa_serial = m\n",
    ],
)
def test_mfa_is_allowed_in_profiles_that_assume_no_role_with_it(files, monkeypatch, config):
    files(config)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(TfdriverError, match="Invalid endpoint: nonsense"):
        Aws().caller(A)


CLOCK = [
    ("SignatureDoesNotMatch", "Signature expired: 20261127T070000Z is now earlier than 20261127T073000Z (...)"),
    ("InvalidSignatureException", "Signature not yet current: 20261127T080000Z is still later than 20261127T073000Z"),
    ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
]


@pytest.mark.parametrize(("code", "message"), CLOCK)
def test_a_wrong_clock_is_not_reported_as_wrong_credentials(files, code, message):
    files(credentials="[account_a]\n" + KEYS)

    def ask(_client):
        raise ClientError({"Error": {"Code": code, "Message": message}}, "GetRole")

    with pytest.raises(AwsError) as raised:
        Aws().call(A, "iam", ask)

    assert raised.value.code == "clock_skew"
    assert raised.value.what == f"the clock of this machine is wrong: {code}: {message.rstrip('.')}"
    assert raised.value.hint == "Set the clock of this machine, e.g. with NTP. The credentials need no change"


def test_a_wrong_secret_key_is_not_reported_as_a_wrong_clock(files):
    files(credentials="[account_a]\n" + KEYS)
    what = "The request signature we calculated does not match the signature you provided."

    def ask(_client):
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": what}}, "GetRole")

    with pytest.raises(AwsError) as raised:
        Aws().call(A, "iam", ask)

    assert raised.value.code == "rejected_credentials"


def test_access_keys_are_preferred_to_sso_and_programs_as_by_terraform(files):
    files(SSO.replace("[sso-session", "credential_process = /bin/false\n[sso-session"), f"[account_a]\n{KEYS}")
    assert new_session("account_a").get_credentials().secret_key == SECRET

    files(f"[profile account_a]\n{KEYS}credential_process = /bin/false\n")
    assert new_session("account_a").get_credentials().secret_key == SECRET


def test_an_invalid_endpoint_is_an_error(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(TfdriverError, match=r"Invalid endpoint: nonsense\. Check AWS_ENDPOINT_URL"):
        Aws().caller(A)


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_bug_is_not_reported_as_an_error_of_the_profile(files, error):
    files(credentials="[account_a]\n" + KEYS)

    def ask(_client):
        raise error("a bug")

    with pytest.raises(error, match="a bug"):
        Aws().call(A, "iam", ask)


class Portal(BaseHTTPRequestHandler):
    """A captive portal: responds to every request with a page."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome<br>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_response_that_is_not_from_aws_is_an_error(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")

        with pytest.raises(TfdriverError) as raised:
            Aws().caller(A)

        server.shutdown()
    assert (raised.value.code, raised.value.hint) == ("aws_unreachable", "Check the network and AWS_ENDPOINT_URL")


def test_a_password_in_an_endpoint_url_is_hidden(files, monkeypatch):
    files(credentials="[account_a]\n" + KEYS)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://me:{SECRET}@127.0.0.1:9")

    with pytest.raises(TfdriverError, match="AWS cannot be reached") as raised:
        Aws().caller(A)

    assert SECRET not in str(raised.value)


def test_commands_that_make_no_calls_do_not_read_the_aws_configuration(files, stage, monkeypatch, capsys):
    files(config="[profile account_a\n")
    known_regions.cache_clear()
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)

    assert main.run(["-C", str(stage.project), "render"]) == 0
    assert main.run(["-C", str(stage.project), "policy"]) == 0


@pytest.mark.parametrize("read", [profile_region, takes_keys_from_environment])
def test_an_invalid_configuration_file_is_an_error(files, read):
    files(config="[profile p\n")

    with pytest.raises(TfdriverError, match="profile p: Unable to parse config file: ") as raised:
        read("p")

    assert raised.value.code == "invalid_aws_config"


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
def test_profiles_that_take_their_keys_from_the_environment(files, config, takes):
    files(config)
    assert takes_keys_from_environment("p") is takes
