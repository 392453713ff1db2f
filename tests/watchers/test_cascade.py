"""The cascade: what is read in full, what is not, and that whoever asks cannot tell flags apart."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from tests.watchers.first_stages import made
from watchers.cascade import Cascade, Depth
from watchers.encoder import PackEncoder
from watchers.evidence import TOGETHER
from watchers.heads import HeadOptions, HeadWatcher
from watchers.look import CONTACTS, NAMES, read
from watchers.pii.watcher import Pii
from watchers.tags import entities
from watchers.watcher import Direction, Origin, Record, Role, Screen, Skip

INSULT = "You are a stupid idiot."
BRIDGE = "The committee met again on tuesday and talked about the budget for the new bridge over the river."
FIRST = {"toxicity": ["stupid"], "injection": ["ignore", "instructions"]}


@pytest.fixture(scope="module")
def encoder():
    return PackEncoder(cache_bytes=0)


@pytest.fixture
def passes(encoder, monkeypatch):
    """Lengths of the windows that went through the graph."""
    run, seen = encoder._graph.run, []
    encoder._passes.clear()
    monkeypatch.setattr(encoder._graph, "run", lambda feeds: seen.extend(f.ids.shape[1] for f in feeds) or run(feeds))
    return seen


@pytest.fixture
def cascade(encoder):
    made_up = Cascade(encoder, made(encoder.pack, FIRST, names=["anna"]))
    made_up.depth = Depth.CASCADE
    return made_up


def record(text, origin=Origin.USER):
    return Record("a", 0, text, Role.USER, origin, Direction.PROMPT)


def toxicity(cascade):
    return HeadWatcher("toxicity", "toxicity", cascade)


def test_what_is_cleared_costs_no_pass_and_never_flags(cascade, passes):
    judgement = toxicity(cascade).watch([record(BRIDGE)])[0]
    assert passes == []
    assert (judgement.screen, judgement.whole, judgement.skipped) == (Screen.CLEARED, False, None)
    assert all(0 <= verdict.score < verdict.threshold and not verdict.flagged for verdict in judgement.verdicts)


def test_what_is_doubted_is_judged_as_in_full(cascade, encoder, passes):
    judgement = toxicity(cascade).watch([record(INSULT)])[0]
    assert passes
    in_full = HeadWatcher("toxicity", "toxicity", encoder).watch([record(INSULT)])[0].verdicts
    assert [replace(verdict, spans=()) for verdict in judgement.verdicts] == [replace(v, spans=()) for v in in_full]
    words = {INSULT[span.start : span.end].strip(".") for span in judgement.verdicts[0].spans}
    assert words == {"stupid", "idiot"}, "the same evidence, on another way"


def test_heads_are_cleared_apart(cascade, passes):
    HeadWatcher("bias", "bias", cascade).watch([record(INSULT)])
    assert passes == []


def test_alone_it_leaves_what_it_doubts_for_later(cascade, passes):
    cascade.depth = Depth.ALONE
    doubted, cleared = toxicity(cascade).watch([record(INSULT), record(BRIDGE)])
    assert passes == []
    assert (doubted.verdicts, doubted.skipped, doubted.screen) == ((), Skip.OVERLOAD, Screen.DOUBTED)
    assert cleared.skipped is None


def test_at_full_depth_its_mistakes_are_known(encoder):
    blind = Cascade(encoder, made(encoder.pack, {}))
    judgement = toxicity(blind).watch([record("You are so please shut up and die , you pig !")])[0]
    assert any(verdict.flagged for verdict in judgement.verdicts)
    assert judgement.whole
    seeing = Cascade(encoder, made(encoder.pack, FIRST))
    assert toxicity(seeing).watch([record(INSULT)])[0].screen is Screen.CAUGHT


def test_a_missed_flag_is_told(encoder):
    blind = Cascade(encoder, made(encoder.pack, {"bias": ["stupid", "idiot"]}))
    assert toxicity(blind).watch([record(INSULT)])[0].screen is Screen.MISSED


def test_only_the_doubted_windows_of_a_long_text_are_read(cascade, encoder, passes):
    text = " ".join([BRIDGE] * 30 + [INSULT] + [BRIDGE] * 30)
    options = HeadOptions(evidence_pieces=0)
    judgement = HeadWatcher("toxicity", "toxicity", cascade, options=options).watch([record(text)])[0]
    assert len(passes) <= 2, "windows that hold what is doubted, not all that touch the doubted part"
    assert judgement.screen in (Screen.CAUGHT, Screen.DOUBTED)
    assert not judgement.whole
    top = max(window.scores["toxicity"][0] for window in encoder.encode([text])[0].windows)
    assert judgement.verdicts[0].score == pytest.approx(float(top), abs=1e-6)


def test_evidence_of_what_the_first_stage_doubts_takes_few_passes_and_reads_no_other_window(cascade, passes):
    text = " ".join([BRIDGE] * 12 + [INSULT] + [BRIDGE] * 12)
    judgement = toxicity(cascade).watch([record(text)])[0]
    found = {text[span.start : span.end] for verdict in judgement.verdicts for span in verdict.spans}
    assert found
    assert all("stupid" in piece or "idiot" in piece for piece in found)
    assert passes.count(128) <= 2, "windows that hold what is doubted, not all that touch the doubted part"
    assert len(passes) <= 2 + 2 * TOGETHER


def test_what_would_be_doubted_is_known_at_every_depth(encoder):
    texts = [" ".join([BRIDGE] * before + [INSULT] * few + [BRIDGE] * 9) for before in (0, 5, 9) for few in (0, 1)]
    said = []
    for depth in Depth:
        fresh = Cascade(encoder, made(encoder.pack, FIRST))
        fresh.depth = depth
        said.append([look.doubted for look in read(fresh, [(text, None) for text in texts], "toxicity")])
    assert said == [[False, True] * 3] * 3


def test_disguised_text_is_screened_without_its_disguise(cascade):
    hidden = base64.b64encode(b"you are a stupid idiot and the committee met again").decode()
    for text in (f"The committee met again . {hidden}", "You are s t u p i d , the committee .", "You are stup1d !"):
        assert toxicity(cascade).watch([record(text)])[0].screen in (Screen.CAUGHT, Screen.DOUBTED), text


def test_who_needs_the_embedding_gets_it_at_every_depth(cascade, encoder):
    for depth in Depth:
        cascade.depth = depth
        assert np.array_equal(cascade.encode([BRIDGE])[0].embedding, encoder.encode([BRIDGE])[0].embedding)


def test_a_text_known_in_full_is_not_screened(encoder):
    caching = PackEncoder()
    cascade = Cascade(caching, made(caching.pack, {}))
    cascade.depth = Depth.CASCADE
    caching.encode([BRIDGE])
    assert read(cascade, [(BRIDGE, None)], "toxicity")[0].whole


def test_names_are_marked_by_the_first_stage_and_do_not_flag(cascade, passes):
    judgement = Pii(encoder=cascade, entities=entities).watch(
        [record("Please write a letter to Anna about the bridge.")]
    )[0]
    marked = [(span.label, span.start, span.end) for verdict in judgement.verdicts for span in verdict.spans]
    assert passes == []
    assert marked == [("PERSON", 25, 29)]
    assert not any(verdict.flagged for verdict in judgement.verdicts)


def test_names_that_are_to_flag_are_read_in_full(cascade, passes):
    watcher = Pii(encoder=cascade, entities=entities, thresholds={"PERSON": 0.5})
    assert watcher._asked == NAMES
    watcher.watch([record("Please write a letter to Anna about the bridge.")])
    assert passes


def test_emoji_do_not_move_the_marks(cascade):
    text = "🌉 the bridge , 🌉 please help Anna with the letter"
    marks = read(cascade, [(text, None)], CONTACTS)[0].marks
    assert [text[mark.start : mark.end] for mark in marks] == ["Anna"]


@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\x1b[2J",
        "\ud800 lone \udfff",
        "😀" * 3000,
        "x" * 200_000,
        "the " * 2_500_000,
        "ب" * 9000,
        "а" * 50_000,
    ],
    ids=["empty", "blank", "control", "surrogates", "emoji", "endless word", "10 MB", "arabic", "cyrillic"],
)
@pytest.mark.timeout(60)
def test_bad_input_is_judged_or_skipped_at_every_depth(cascade, depth, text):
    cascade.depth = depth
    for watcher in (toxicity(cascade), Pii(encoder=cascade, entities=entities)):
        judgement = watcher.watch([record(text)])[0]
        assert judgement.verdicts or judgement.skipped
