"""`sidewatch watchers`, as a process."""

import json
import subprocess
import sys

import pytest
import yaml

from sidecar.commands.watchers import _conformal

PATTERNS = ("--watchers", "pii,secrets")


def watchers(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar.cli", "watchers", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "rows.jsonl"
    rows = [
        {
            "text": f"mail person{i}@example.org" if i % 2 else f"number {i}",
            "labels": {"mail": i % 2},
            "source": "ab"[i < 20],
        }
        for i in range(40)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_list_names_model_labels_and_thresholds():
    found = json.loads(watchers("list", "--json", *PATTERNS).stdout)
    assert [watcher["name"] for watcher in found] == ["pii", "secrets"]
    assert 0.0 < found[0]["labels"]["EMAIL_ADDRESS"] <= 1.0
    assert "  EMAIL_ADDRESS            threshold 0." in watchers("list", *PATTERNS).stdout


def test_eval_measures_by_slice_and_draws_a_report(data, tmp_path):
    report = tmp_path / "report.html"
    ended = watchers(
        "eval",
        *("--data", str(data), *PATTERNS, "--label", "mail=pii/EMAIL_ADDRESS", "--slice", "source"),
        *("--json", "--report", str(report), "--minimum", "auroc=0.99"),
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert [(one["label"], one["slice"], one["rows"]) for one in found] == [
        ("pii/EMAIL_ADDRESS", "all", 40),
        ("pii/EMAIL_ADDRESS", "source=a", 20),
        ("pii/EMAIL_ADDRESS", "source=b", 20),
    ]
    assert found[0]["figures"]["auroc"]["value"] == 1.0
    page = report.read_text()
    assert page.count("<svg") == 4
    assert "pii/EMAIL_ADDRESS" in page


def test_eval_below_a_minimum_is_exit_code_one(data):
    arguments = ("--data", str(data), *PATTERNS, "--label", "mail=secrets/JWT", "--minimum", "auroc=0.9")
    ended = watchers("eval", *arguments)
    assert ended.returncode == 1
    assert ended.stderr == "sidewatch: secrets/JWT: auroc is 0.5000, at least 0.9 wanted\n"
    assert "  auroc                0.5000  (0.5000 to 0.5000)\n" in ended.stdout


def test_eval_without_a_known_label_says_how_to_name_one(data):
    ended = watchers("eval", "--data", str(data), *PATTERNS)
    assert ended.returncode == 2
    assert ended.stderr == f"sidewatch: {data}: no row has a label of these watchers; name them with --label\n"


def test_calibrate_writes_thresholds_that_a_configuration_takes(data, tmp_path):
    ended = watchers("calibrate", "--data", str(data), "--rate", "5%", *PATTERNS)
    assert ended.returncode == 0, ended.stderr
    thresholds = yaml.safe_load(ended.stdout)["watchers"]["settings"]["pii"]["thresholds"]
    assert 0.9 < thresholds["EMAIL_ADDRESS"] <= 1.0
    assert list(thresholds) == ["EMAIL_ADDRESS"], "what was never found keeps its threshold"
    head = ended.stdout.splitlines()[:3]
    assert "calibrate --rate 5%: 40 harmless texts (" in head[0]
    assert head[2].startswith("# Models: pii pii-")
    config = tmp_path / "c.yaml"
    config.write_text("upstream: https://api.example.com\n" + ended.stdout)
    command = [
        sys.executable,
        "-m",
        "sidecar.cli",
        "check-config",
        "--quiet",
        "--models",
        *PATTERNS,
        "--config",
        str(config),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_calibrate_needs_enough_rows(data):
    ended = watchers("calibrate", "--data", str(data), "--rate", "0.1%", *PATTERNS)
    assert ended.returncode == 2
    assert ended.stderr == f"sidewatch: {data}: 40 texts are too few for 0.1%: give at least 999\n"


def test_calibrate_lowers_a_threshold_only_where_it_is_asked_to(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": f"Cook for {i} people?"}) + "\n" for i in range(40)))
    arguments = ("calibrate", "--data", str(file), "--rate", "5%", "--watchers", "toxicity,secrets", "--json")
    assert json.loads(watchers(*arguments).stdout) == {"watchers": {"settings": {}}}
    lowered = json.loads(watchers(*arguments, "--lower").stdout)["watchers"]["settings"]
    assert list(lowered) == ["toxicity"], "the watcher that found nothing keeps its thresholds"
    assert 0 < lowered["toxicity"]["thresholds"]["toxicity"] < 0.5


def test_a_calibrated_threshold_is_the_conformal_one(capsys):
    scores = [number / 100 for number in range(38)]
    assert _conformal("a/b", scores, 0.05) == 0.370001, "one of 38 is 2.6%, but another text may be the highest of 39"
    assert _conformal("a/b", [*scores, 0.38], 0.05) == 0.370001
    assert _conformal("a/b", [0.0] * 38 + [0.9], 0.05) is None
    assert capsys.readouterr().err == ""
    assert _conformal("a/b", [1.0] * 39, 0.05) == 1.0
    assert (
        capsys.readouterr().err
        == "sidewatch: a/b: scores 1 on more than 0.05 of the texts: no threshold keeps the rate\n"
    )


def test_a_limit_may_be_of_one_label_and_a_maximum(data):
    arguments = ("--data", str(data), *PATTERNS, "--label", "mail=pii/EMAIL_ADDRESS")
    met = watchers("eval", *arguments, "--minimum", "pii/EMAIL_ADDRESS:f1=0.9", "--maximum", "calibration_error=0.05")
    assert met.returncode == 0, met.stderr
    missed = watchers("eval", *arguments, "--maximum", "pii/EMAIL_ADDRESS:calibration_error=0.001")
    assert missed.returncode == 1
    assert missed.stderr == "sidewatch: pii/EMAIL_ADDRESS: calibration_error is 0.0100, at most 0.001 wanted\n"
    for wrong in ("auroc", "speed=1", "pii/PHONE_NUMBER:auroc=1"):
        assert watchers("eval", *arguments, "--minimum", wrong).returncode == 2
