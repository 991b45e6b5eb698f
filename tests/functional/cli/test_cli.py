"""The command line: help, exit codes, stdout and stderr; the documentation's lists of commands and links."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tfdriver.cli import main

ROOT = Path(__file__).parents[3]
COMMANDS = sorted(main.cli.commands)
ALL = {
    **main.cli.commands,
    **{
        f"{name} {sub}": inner
        for name, group in main.cli.commands.items()
        for sub, inner in getattr(group, "commands", {}).items()
    },
}


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_with_an_example_and_is_in_the_readme(name, capsys):
    assert main.run([*name.split(), "-h"]) == 0

    assert f" {name}" in capsys.readouterr().out.partition("Example")[2]
    assert f"`tfdriver {name.split()[0]}" in (ROOT / "README.md").read_text()


def test_without_a_command_the_help_is_printed(capsys):
    assert main.run([]) == 0

    printed = capsys.readouterr()
    assert printed.out.startswith("Usage: tfdriver")
    assert printed.err == ""


@pytest.mark.parametrize("piped", [b"", b" \n"])
def test_explain_refuses_empty_stdin(piped, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))

    assert main.run(["explain", "-"]) == 1

    printed = capsys.readouterr().err
    assert printed.startswith("error[bad_usage]: ")
    assert "2>&1 | tfdriver explain -" in printed


@pytest.mark.parametrize("name", ["", *ALL])
def test_help_fits_into_80_columns(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    assert main.run([*name.split(), "-h"]) == 0

    lines = capsys.readouterr().out.splitlines()[1:]  # the usage line may end with dots
    assert [line for line in lines if len(line) > 80 or line.endswith("...")] == []


def test_commands_are_listed_in_the_order_of_use(capsys):
    main.run(["-h"])

    listed = re.findall(r"^  (\w+) ", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    assert listed[:6] == ["init", "accounts", "bootstrap", "render", "plan", "up"]
    assert sorted(listed) == COMMANDS


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_help(name):
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_ci_runs_the_make_targets_of_the_readme():
    assert "make test" in (ROOT / ".ci/run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["upp"], "Did you mean 'up'"),
        (["UP"], "Did you mean 'up'"),
        (["up", "--yse"], "--yes"),
        (["up", "--yess"], "--yes"),
        (["up", "--timeout", "\u0661m", "--yes"], "not a duration"),
        (["--json", "up"], "option --json is in the wrong place Put it after the command: `tfdriver up --json`"),
        (["--timeout", "3"], "Put it after the command: `tfdriver plan --timeout`"),
        (["up", "-v"], "option -v is in the wrong place Put it before the command: `tfdriver -v up`"),
        (["ci", "github", "-v"], "Put it before the command: `tfdriver -v ci github`"),
        (["plan", "-C", "x"], "Put it before the command: `tfdriver -C ... plan`"),
        (["sandbox", "--fire", "bar", "--", "ls"], "cannot be combined with a command"),
        (["sandbox", "--json", "ls"], "--json needs --fire"),
        (["up", "--timeout", "0s", "--yes"], "not a duration"),
        (["up", "--timeout", "90", "--yes"], "not a duration like 90s"),
        (["up", "--timeout", "-1", "--yes"], "not a duration"),
        (["up", "--timeout", "abc", "--yes"], "not a duration"),
        (["up", "--timeout", "1e9", "--yes"], "not a duration"),
        (["up", "--timeout", "25h", "--yes"], "not a duration"),
        *(
            (["plan", "--shard", text], f"'{text}' is not a shard: the shards of three are 1/3, 2/3 and 3/3")
            for text in ("0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/3", "1.0/3", "1/ 3", "\u0661/3", "")
        ),
        (["up", "--yes", "--phase", "tight"], "'tight' is not one of 'broad', 'connect', 'tighten'"),
        (["up", "--yes", "--phase", "broad", "--no-tighten"], "--no-tighten cannot be combined with --phase"),
        (["init", "a", "b"], "unexpected extra argument"),
        (["init", ""], "the name is empty; omit it"),
        (["-C", "", "destroy", "--yes"], "the name is empty; omit it"),
        (["graph", "-o", ""], "'-o' / '--output': the name is empty; add a name or omit the option"),
        (["report", "-o", " "], "the name is empty; add a name"),
        (["sandbox", "--log", "", "true"], "the name is empty; add a name"),
        (["sandbox", "--faults", "", "true"], "the name is empty; add a name"),
        (["schema", "foo"], "'NAME': 'foo' is not one of 'accounts', 'adopt', 'bootstrap',"),
    ],
)
def test_bad_usage_exits_with_1_and_one_message(arguments, message, capsys):
    assert main.run(arguments) == 1

    captured = capsys.readouterr()
    assert captured.out == "" or "--json" in arguments
    assert captured.err.startswith("error[bad_usage]: ")
    assert message in " ".join(captured.err.split())
    assert len(captured.err.strip().splitlines()) <= 2  # the error and its hint


@pytest.mark.parametrize("command", ["up", "tighten", "destroy"])
def test_without_a_terminal_and_without_yes_nothing_is_changed(command, stage, capsys):
    assert main.run(["-C", str(stage.project), command]) == 1

    assert "error[confirmation_required]: " in capsys.readouterr().err
    assert not (stage.project / "compositions").exists()


def test_a_missing_spec_is_reported_with_its_path(tmp_path, capsys):
    assert main.run(["-C", str(tmp_path), "render"]) == 1

    printed = capsys.readouterr().err
    assert printed.startswith("error[spec_not_found]: ")
    assert str(tmp_path / "tfdriver.yaml") in printed.replace("\n", "")
    assert "tfdriver init" in printed


def test_init_prints_the_folder_and_the_next_steps(tmp_path, capsys):
    assert main.run(["init", str(tmp_path / "p")]) == 0

    printed = capsys.readouterr().out
    for expected in (
        f"project in {tmp_path / 'p'}\n",
        "  tfdriver.yaml ",
        "  modules/ ",
        f"`cd {tmp_path / 'p'}`",
        "`tfdriver up`",
    ):
        assert expected in printed
    assert "main.tf" not in printed
    assert len(printed.splitlines()) < 10


@pytest.mark.parametrize("command", ["render", "graph", "policy", "status", "explain foo_bar", "sandbox -- true"])
def test_a_command_without_a_session_warns_about_a_world_writable_spec(tmp_path, capsys, command):
    assert main.run(["init", str(tmp_path / "p")]) == 0
    (tmp_path / "p" / "tfdriver.yaml").chmod(0o666)

    main.run(["-C", str(tmp_path / "p"), *command.split()])

    assert capsys.readouterr().err.count("warning: every user of this machine can write to tfdriver.yaml") == 1


def test_in_a_folder_of_a_project_the_hint_names_the_project(tmp_path, capsys):
    assert main.run(["init", str(tmp_path / "p")]) == 0

    assert main.run(["-C", str(tmp_path / "p" / "modules"), "render"]) == 1

    assert f"Run tfdriver in {tmp_path / 'p'}, which has one, or pass that folder with -C" in capsys.readouterr().err


def test_json_is_one_object_on_stdout(tmp_path, capsys):
    assert main.run(["init", str(tmp_path / "p"), "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["format_version"], envelope["command"], envelope["exit_code"]) == ("1.0", "init", 0)
    assert main.run(["-C", str(tmp_path / "p"), "render", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["result"]["files"]) == {"account_a", "account_b"}


def test_a_folder_with_the_name_of_a_command_is_not_taken_for_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main.run(["-C", "plan", "render", "--json"]) == 1

    assert json.loads(capsys.readouterr().out)["command"] == "render"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_the_start_is_reported_in_one_line(name):
    code = f"""if True:
        import signal, sys, tfdriver.__main__
        class Interrupt:
            def find_spec(self, name, *_):
                if name == "tfdriver.cli.main":
                    signal.raise_signal(signal.{name})
        sys.meta_path.insert(0, Interrupt())
        tfdriver.__main__.main()
    """

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, f"error[interrupted]: stopped by {name}\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_before_a_run_is_reported_in_one_line(stage, name):
    program = Path(stage.environ["TFDRIVER_TERRAFORM"])
    program.write_text(f"#!/bin/sh\nkill -s {name[3:]} $PPID\nexec sleep 30\n")
    command = [sys.executable, "-m", "tfdriver", "-C", str(stage.project), "up", "--yes"]

    done = subprocess.run(command, env=stage.environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.strip()) == (1, f"error[interrupted]: stopped by {name}")


def test_an_error_with_json_is_an_object_on_stdout(tmp_path, capsys):
    assert main.run(["-C", str(tmp_path), "render", "--json"]) == 1

    captured = capsys.readouterr()
    envelope = json.loads(captured.out)
    assert envelope["exit_code"] == 1
    assert set(envelope["error"]) == {"code", "what", "where", "hint", "in_force"}
    assert captured.err.startswith("error[spec_not_found]:")


def test_only_vv_prints_a_traceback(tmp_path, capsys):
    assert main.run(["-vv", "-C", str(tmp_path), "render"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main.run(["-v", "-C", str(tmp_path), "render"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_output_to_a_pipe_is_plain_text(tmp_path, capsys):
    main.run(["init", str(tmp_path / "p")])
    main.run(["upp"])

    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_the_committed_compositions_are_up_to_date(tmp_path, capsys):
    project = tmp_path / "repo"
    shutil.copytree(ROOT / "modules", project / "modules")
    shutil.copy(ROOT / "tfdriver.yaml", project)

    assert main.run(["-C", str(project), "render"]) == 0

    for fresh in (project / "compositions").rglob("*"):
        if fresh.is_file() and ".tfdriver" not in fresh.parts:
            assert fresh.read_bytes() == (ROOT / fresh.relative_to(project)).read_bytes(), fresh.name


def test_the_picture_of_the_phases_is_up_to_date(tmp_path):
    assert main.run(["-C", str(ROOT), "graph", "--format", "svg", "--phases", "-o", str(tmp_path / "g.svg")]) == 0
    assert (tmp_path / "g.svg").read_text() == (ROOT / "docs/phases.svg").read_text()
    assert "docs/phases.svg" in (ROOT / "README.md").read_text()


def test_the_recording_has_no_links_and_no_local_paths():
    recording = (ROOT / "docs/demo.svg").read_text().replace("&#160;", " ")
    assert "phase 3, tighten" in recording
    assert re.findall(r"url\(http|/(?:tmp|home|root|usr|opt|Users)/", recording) == []
    assert "docs/demo.svg" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_in_the_documentation_lead_to_files(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_in_the_documentation(name):
    page = (ROOT / "docs/commands.md").read_text()
    options = [p for p in ALL[name].params if isinstance(p, click.Option) and not p.hidden]
    assert f"`{name}" in page
    assert [o.name for o in options if not any(f"`{text}" in page for text in o.opts)] == []


ADD_AN_ACCOUNT = """
import boto3, pathlib, time
from botocore.exceptions import BotoCoreError
spec = pathlib.Path("tfdriver.yaml")
text = spec.read_text()
spec.write_text(text.replace("accounts:", "accounts: [", 1))  # half an edit
time.sleep(0.3)
third = "  third: {id: '333333333333', profile: third, region: us-west-2}"
spec.write_text(text.replace("accounts:\\n", "accounts:\\n" + third + "\\n", 1))
def caller(profile):
    return boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Arn"]
before = caller("account_a")
for _ in range(100):
    time.sleep(0.1)
    try:
        pathlib.Path("callers").write_text(f"{before} {caller('third')} {caller('account_a')}")
        break
    except BotoCoreError:
        pass
"""


def test_a_sandbox_gets_the_accounts_that_are_added_to_the_spec(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.run(["init", "p"]) == 0

    assert main.run(["-C", "p", "sandbox", "--", sys.executable, "-c", ADD_AN_ACCOUNT]) == 0

    admins = [f"arn:aws:iam::{number}:user/admin" for number in ("111111111111", "333333333333", "111111111111")]
    assert (tmp_path / "p/callers").read_text().split() == admins
    assert capsys.readouterr().err.count("the sandbox now has the account third = 333333333333") == 1


def test_a_sandbox_runs_its_command_in_the_folder_of_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.run(["init", str(tmp_path / "p")]) == 0
    command = ["sh", "-c", "pwd > here"]

    assert main.run(["-C", str(tmp_path / "p"), "sandbox", "--", *command]) == 0

    assert (tmp_path / "p/here").read_text() == f"{tmp_path / 'p'}\n"
