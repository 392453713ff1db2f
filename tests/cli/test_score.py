"""`sidewatch score`, as a process: the fixed form of --jsonl, its order, its errors, and the report for a person."""

import json
import os
import subprocess
import sys

LINES = [
    {"id": "a", "text": "Mail me at lena@example.org", "role": "user"},
    {"id": 2, "text": "Nothing to see.", "role": "assistant"},
    {"id": None, "text": "card 4111 1111 1111 1111", "role": "tool"},
    {"id": ["x"], "text": "no role: mail bob@example.org"},
]
PATTERNS = ("--watchers", "pii,secrets", "--set", "watchers.settings.pii.thresholds.EMAIL_ADDRESS=0.5")


def score(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar.cli", "score", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_every_line_is_answered_in_order_and_in_the_fixed_form():
    ended = score("--jsonl", *PATTERNS, text="".join(json.dumps(line) + "\n" for line in LINES * 40))
    assert ended.returncode == 0
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", 2, None, ["x"]] * 40
    first, second, third, fourth = answers[:4]
    assert set(first) == {"id", "scores", "flags", "spans"}
    assert first["flags"] == ["pii/EMAIL_ADDRESS"]
    assert [(s["start"], s["end"], s["label"]) for s in first["spans"]] == [(11, 27, "pii/EMAIL_ADDRESS")]
    assert 0.5 < first["spans"][0]["score"] <= 1.0
    assert second["flags"] == second["spans"] == []
    assert (third["flags"], fourth["flags"]) == (["pii/CREDIT_CARD"], ["pii/EMAIL_ADDRESS"])
    assert {name.split("/")[0] for name in first["scores"]} == {"pii", "secrets"}
    assert set(first["scores"]) == set(second["scores"])
    assert all(0.0 <= value <= 1.0 for answer in answers for value in answer["scores"].values())


def test_the_pack_watchers_score_every_label():
    ended = score("--jsonl", text='{"id": 1, "text": "You are a stupid idiot.", "role": "user"}\n')
    answer = json.loads(ended.stdout)
    assert {name.split("/")[0] for name in answer["scores"]} == {"toxicity", "bias", "injection", "pii", "secrets"}
    assert answer["scores"]["toxicity/toxicity"] > 0.5


def test_lines_that_cannot_be_read_give_an_error_with_their_id_and_the_rest_goes_on():
    bad = [
        "not json",
        '{"id": 1, "text": 5, "role": "user"}',
        '{"id": 2, "text": "x", "role": "robot"}',
        "[1]",
        "",
        '{"id": 3, "text": "mail lena@example.org", "role": "user"}',
    ]
    ended = score("--jsonl", *PATTERNS, text="\n".join(bad))
    assert ended.returncode == 1
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert answers[:4] == [
        {"id": None, "error": "line 1: not JSON"},
        {"id": 1, "error": "line 2: text: expected a string"},
        {"id": 2, "error": "line 3: role: expected one of system, user, assistant, tool"},
        {"id": None, "error": "line 4: expected an object with id, text and role"},
    ]
    assert (answers[4]["id"], answers[4]["flags"], len(answers)) == (3, ["pii/EMAIL_ADDRESS"], 5)


def test_offsets_count_characters_and_lone_surrogates_are_survived():
    line = r'{"id": "\ud800", "text": "\ud83d\ude00\ud800 caf\u00e9 lena@example.org", "role": "user"}' + "\n"
    ended = score("--jsonl", *PATTERNS, text=line)
    answer = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert [(span["start"], span["end"]) for span in answer["spans"]] == [(8, 24)]


def test_an_answer_comes_before_the_next_line_is_sent():
    command = [sys.executable, "-m", "sidecar.cli", "score", "--jsonl", *PATTERNS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for name in ("one", "two"):
            process.stdin.write(json.dumps({"id": name, "text": "hello", "role": "user"}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == name
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_skipped_watcher_says_why_and_scores_nothing():
    ended = score("--jsonl", *PATTERNS, text='{"id": 1, "text": "", "role": "user"}\n')
    answer = json.loads(ended.stdout)
    scores = answer.pop("scores")
    assert {"pii/EMAIL_ADDRESS", "pii/PERSON"} <= scores.keys()
    assert set(scores.values()) == {0.0}
    assert answer == {
        "id": 1,
        "flags": [],
        "spans": [],
        "skipped": {"pii": "empty", "secrets": "empty"},
    }


def test_a_person_sees_text_scores_threshold_and_evidence():
    ended = score("mail lena@example.org\x1b[31m", *PATTERNS)
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0] == "user  mail lena@example.org\\x1b[31m"
    assert any(line.startswith("  EMAIL_ADDRESS") and line.endswith("threshold 0.500  flagged") for line in lines)
    assert any(line.startswith("1 flagged · 2 watchers in ") for line in lines)
    assert lines[-1] == "  5–21  lena@example.org  pii/EMAIL_ADDRESS 0.98"
    assert "\x1b" not in ended.stdout


def test_a_text_beside_jsonl_is_wrong_usage():
    ended = score("--jsonl", "text")
    assert ended.returncode == 2
    assert ended.stderr == "sidewatch: --jsonl reads standard input: leave the text out\n"


def test_a_pack_that_is_not_one_is_told():
    ended = score("x", "--pack", os.path.dirname(__file__))
    assert ended.returncode == 2
    assert ended.stderr.startswith("sidewatch: ")
    assert "pack.json" in ended.stderr
