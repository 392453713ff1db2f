"""`sidewatch demo`: the whole job, as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sidecar.cli", "demo", *arguments]
    environment = {**os.environ, "COLUMNS": "160"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read lines up to the one that holds `text`."""
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    return lines


def test_the_demo_shows_flags_and_a_summary_and_goes_on_until_ctrl_c():
    with start("--exchanges", "48", "--pace", "0.004") as process:
        try:
            text = "".join(until(process, "Ctrl-C ends them"))
            admin = re.search(r"metrics\s+(http://\S+)/metrics", text)[1]
            with urllib.request.urlopen(f"{admin}/healthz", timeout=10) as response:
                assert response.status == 200
            process.send_signal(signal.SIGINT)
            text += process.stdout.read()
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert "made 48 calls by the official OpenAI and Anthropic clients: 48 answered word for word" in text
    assert "0 altered, 0 failed" in text
    assert "pii/" in text
    assert "[CREDIT_CARD]" in text or "[EMAIL_ADDRESS]" in text or "[IBAN_CODE]" in text
    assert "4111" not in text
    assert "Coverage of 48 exchanges" in text
    assert len(re.findall(r"(?:bias|injection|pii|secrets|toxicity)\s+100\.0%", text)) == 5
    assert "Tidied up." in text
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{admin}/healthz", timeout=5)


@pytest.mark.slow
def test_the_topic_shift_is_told_as_drift_and_nothing_before_it():
    with start("--exit-after-summary") as process:
        text = process.stdout.read()
        assert process.wait(60) == 0
    alarms = re.search(r"Drift\s+(\d+) alarms before the topic shifted, (\d+) after it", text)
    assert alarms[1] == "0"
    assert int(alarms[2]) >= 1
    assert re.search(r"level\s+drift of openai gpt-4o-mini (prompts|completions)", text)
