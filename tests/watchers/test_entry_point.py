"""A watcher of somebody else's: a distribution as pip leaves it behind, found by its entry point, off unless it is named."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sidecar.settings import WatcherSettings
from watchers.registry import build
from watchers.watcher import Direction, Origin, Record, Role, WatcherError

MODULE = '''
"""Flags questions."""

from watchers.watcher import Judgement, Verdict


class Questions:
    model = "questions-1"

    def __init__(self, name, mark, thresholds):
        self.name, self._mark = name, mark
        self.labels = {"question": 0.5, **thresholds}

    def watch(self, records):
        threshold = self.labels["question"]
        scores = [0.9 if record.text.rstrip().endswith(self._mark) else 0.1 for record in records]
        return [Judgement((Verdict(self.name, "question", s, threshold, s >= threshold, self.model),)) for s in scores]


def make(order):
    return Questions(order.name, order.options.get("mark", "?"), order.thresholds)


def make_nameless(order):
    return Questions("questions", "?", {})


def make_nothing(order):
    raise RuntimeError("no licence")
'''
ENTRY_POINTS = "[sidewatch.watchers]\nquestions = acme_questions:make\nbroken = acme_nowhere:make\n"
ENTRY_POINTS += "nameless = acme_questions:make_nameless\nunlicensed = acme_questions:make_nothing\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the path with a package and its metadata."""
    (tmp_path / "acme_questions.py").write_text(MODULE)
    metadata = tmp_path / "acme_questions-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-questions\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def record(text: str) -> Record:
    return Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT)


@pytest.mark.usefixtures("installed")
def test_it_is_made_with_its_options_and_thresholds_and_judges() -> None:
    ours = WatcherSettings(type="questions", thresholds={"question": 0.8}, options={"mark": "¿"})
    one, other = build(["questions", "spanish"], {"spanish": ours})
    assert [judgement.verdicts[0].flagged for judgement in one.watch([record("why?"), record("so")])] == [True, False]
    assert other.labels == {"question": 0.8}
    assert other.watch([record("why?"), record("que ¿")])[1].verdicts[0].flagged


@pytest.mark.usefixtures("installed")
def test_one_that_cannot_be_loaded_or_has_not_the_label_is_told() -> None:
    with pytest.raises(WatcherError, match="its entry point acme_nowhere:make cannot be loaded: ModuleNotFoundError"):
        build(["broken"], {})
    with pytest.raises(WatcherError, match="it has no label 'answer'"):
        build(["questions"], {"questions": WatcherSettings(thresholds={"answer": 0.5})})


@pytest.mark.usefixtures("installed")
def test_one_that_cannot_be_made_or_takes_another_watchers_name_is_told() -> None:
    with pytest.raises(WatcherError, match="'unlicensed': it cannot be made: RuntimeError: no licence"):
        build(["unlicensed"], {})
    with pytest.raises(WatcherError, match="'nameless': its factory made a watcher named 'questions'"):
        build(["questions", "nameless"], {})


def test_installed_it_is_off_until_the_configuration_names_it(installed: Path) -> None:
    def listed(*arguments: str) -> str:
        command = [sys.executable, "-m", "sidecar.cli", "watchers", "list", *arguments]
        environ = {"PYTHONPATH": f"{installed}:{Path(__file__).parents[2]}", "PATH": ""}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environ).stdout

    config = installed / "sidewatch.yaml"
    config.write_text(
        textwrap.dedent("""
            upstream: https://api.example.com
            watchers:
              enabled: [secrets, asked]
              settings: {asked: {type: questions}}
            """)
    )
    assert "question" not in listed("--watchers", "secrets")
    assert "asked  (model questions-1)\n  question                 threshold 0.500\n" in listed("--config", str(config))
