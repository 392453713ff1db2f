"""The command line as a new user meets it: what was wrong is said in a line, and no terminal makes a traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

SIDEWATCH = [sys.executable, "-m", "sidecar.cli"]
MAIL = "Grüße an ann@example.com"


def run(*arguments: str, text: bytes = b"", **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*SIDEWATCH, *arguments], input=text, capture_output=True, timeout=60, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_version_is_told_both_ways():
    assert run("--version") == run("version")
    assert run("--version")[1].startswith("sidewatch ")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("demo", "--exchanges", "0"), 2, "--exchanges takes 1 or more"),
        (("baseline", "accept", "--admin", "a b"), 1, "a b does not answer"),
        (
            ("baseline", "accept", "--admin", "127.0.0.1:9"),
            1,
            "does not answer: Connection refused; give --admin HOST:PORT",
        ),
        (("score", "--pack", "{dir}", "hi"), 2, "pack.json: No such file or directory; a pack is a directory"),
        (("watchers", "eval", "--watchers", "pii", "--data", "{empty}"), 2, "there are no rows"),
        (("watchers", "calibrate", "--watchers", "pii", "--data", "{empty}"), 2, "give at least 99"),
        (("injector", "--template", "{empty}", "--certificates", "{dir}"), 1, "tls.crt: No such file or directory;"),
        (("watchers", "list", "--config", "{dir}"), 2, "Is a directory"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, arguments, code, expected):
    (tmp_path / "empty.jsonl").touch()
    given = [one.format(dir=tmp_path, empty=tmp_path / "empty.jsonl") for one in arguments]
    done, _, errors = run(*given)
    assert (done, errors.count("\n")) == (code, 1)
    assert expected in errors


def test_a_locale_without_our_characters_sees_them_spelt():
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, told, errors = run("score", "--watchers", "secrets", MAIL, **plain)
    assert (code, errors) == (0, "")
    assert told.startswith("user  Gr\\xfc\\xdfe an ann@example.com\n")
    assert run("serve", "--help", **plain)[0] == 0


def test_a_dash_is_standard_input():
    assert run("score", "--watchers", "secrets", "-", text=MAIL.encode())[1].startswith(f"user  {MAIL}\n")


def test_help_is_no_wider_than_the_terminal():
    assert max(map(len, run("serve", "--help", COLUMNS="70")[1].split("examples:")[0].splitlines())) <= 70


@pytest.mark.parametrize(
    "arguments", [("score", "--watchers", "secrets"), ("score", "--jsonl", "--watchers", "secrets")]
)
def test_an_interrupt_is_exit_code_130_and_no_traceback(arguments):
    process = subprocess.Popen(
        [*SIDEWATCH, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        time.sleep(3)  # it waits for its input by then
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()
