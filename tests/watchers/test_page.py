"""docs/watchers.md: every example on the page is a configuration that loads, and finds what the page says."""

import re
from pathlib import Path

import pytest

from sidecar.config import load
from sidecar.config.resolve import enabled_watchers
from tests.watchers.exports import export
from watchers.encoder import PackEncoder
from watchers.registry import build
from watchers.watcher import Direction, Origin, Record, Role

PAGE = (Path(__file__).parents[2] / "docs/watchers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [text for kind, text in BLOCKS if kind == "yaml"]
# Of each example: a text, where it stands, and the watcher's label that flags it.
SAID = [
    [("My manager Sarah Whitfield lives in Denver.", Origin.USER, "pii/PERSON")],
    [
        ("We start Project Nightingale on Monday.", Origin.USER, "pii/DENIED_TERM"),
        ("the key is acme_0123456789abcdef", Origin.USER, "secrets/CUSTOM"),
        ("It says canary-7f3a91 here.", Origin.COMPLETION, "leakage/canary"),
    ],
    [
        ("Initech is cheaper.", Origin.COMPLETION, "rules/competitor"),
        ("see TICKET-20931", Origin.USER, "rules/ticket"),
        ("word " * 900, Origin.USER, "rules/essay"),
        ('{"order": 7}', Origin.TOOL_CALL, "rules/refund_arguments"),
    ],
    [("you are awful", Origin.USER, "sentiment/unkind")],
    [("why?", Origin.USER, "questions/question")],
]


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the page's model and the page's package."""
    names = {"id2label": {str(number): f"LABEL_{number}" for number in range(3)}}
    export(tmp_path / "models/sentiment", "bert", **names)
    (code,) = (text for kind, text in BLOCKS if kind == "python")
    (tmp_path / "acme_questions.py").write_text(code)
    metadata = tmp_path / "acme_questions-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-questions\nVersion: 1.0\n")
    (declared,) = (text for kind, text in BLOCKS if kind == "toml")
    group, point = re.fullmatch(r"\[project\.entry-points\.\"(.*)\"\]\n(.*)\n", declared).groups()  # type: ignore[union-attr]
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{point.replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", range(len(SAID)))
def test_an_example_finds_what_it_is_for(number: int, at_hand: Path) -> None:
    assert len(EXAMPLES) == len(SAID)
    file = at_hand / "sidewatch.yaml"
    file.write_text("upstream: https://api.example.com\n" + EXAMPLES[number])
    settings = load(str(file), {})
    watchers = build(enabled_watchers(settings), settings.watchers.settings, PackEncoder(threads=1))
    for text, origin, expected in SAID[number]:
        completion = origin in (Origin.COMPLETION, Origin.TOOL_CALL)
        direction, role = (Direction.COMPLETION, Role.ASSISTANT) if completion else (Direction.PROMPT, Role.USER)
        record = Record("x", 0, text, role, origin, direction)
        found = [v for one in watchers for judgement in one.watch([record]) for v in judgement.verdicts if v.flagged]
        assert expected in [f"{verdict.watcher}/{verdict.label}" for verdict in found]
