"""The cascade: a first look's time, exchanges a second and core in full and with the cascade, by kind of traffic.

    python tests/bench/cascade.py [--pack DIR] [--exchanges N] [--data DIR]

Conversations of six turns go through a real pipeline, in one process: each exchange carries its history, about 200 tokens
in, and an answer of about 300. Processor time, not wall clock. `off` reads in full without a first stage, `auto` with one
beside it. Three kinds of text: plain office talk, the same with people's names and addresses, and talk in which every tenth
turn is an insult. They are sentences in any order, which is nobody's talk: with `--data` (the training data's directory)
also requests and answers that people wrote (Wang et al. 2023), each whole: a turn is one request, an answer as many of
theirs as make its length. They are full of numbers, lists and code, and the pack has learned from a part of them. Needs a
pack with a first stage.
"""

import argparse
import gzip
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.instruments import Instruments
from sidecar.observer.parts import Workshop
from sidecar.observer.pipeline import Pipeline
from sidecar.settings import Drift, Observer, Settings, Watchers
from sidecar.wire.capture import Body, Capture, Ending
from watchers import first_stage
from watchers.normalize import plain, revealed
from watchers.pack import BUNDLED, read

SENTENCES = """How do I set up a weekly report that shows the open orders by region?
You can open the settings page, choose the second tab and add a new rule for it.
First check that the file is in the right folder, then run the command again.
The table has three columns, and the last one holds the total for each month.
Please summarise the meeting notes in a few short points for the team.
It depends on the size of the data, but a small server is enough for most cases.
The function takes a list of numbers and returns the largest one that is even.
If the value is missing, the program uses the default and writes a warning to the log.
What is the difference between a left join and an inner join in this query?
Heat the oven, mix the flour with the butter and let the dough rest for an hour.
The train leaves every twenty minutes, so there is no need to book a seat.
Thanks, that works now, could you also explain why the first version was slow?
A good way to start is to write down what you know and what you want to find out.
You should see the new entry in the list after a few seconds.""".splitlines()
PEOPLE = """My manager Sarah Whitfield asked me to send the contract to Tom Becker in Denver.
Please write to Maria Gonzalez at 48 Harbour Street, Bristol, before the end of the week.
Peter Novak from Contoso will join us in Chicago, and Anna Lindqvist calls from Stockholm.""".splitlines()
INSULTS = ["You are a stupid idiot and I hate you.", "Shut up, you useless moron, your answers are garbage."]
KINDS = {"plain": (), "names": PEOPLE, "hostile": INSULTS}
WRITTEN = "benign/self_instruct_human.jsonl.gz"
written: dict[str, list[str]] = {}  # by role
TURNS, REQUEST_WORDS = 6, 40


class Nobody:
    def write(self, line: bytes) -> None: ...

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None:
        states.update(Counter(ledger))


states: Counter[str] = Counter()


def text(kind: str, words: int, wild: random.Random) -> str:
    """About so many words, hardly ever twice the same sentences in the same order."""
    if kind == "written":
        return of_people(words, wild)
    extra, made = KINDS[kind], list[str]()
    while sum(len(one.split()) for one in made) < words:
        rare = bool(extra) and wild.random() < 0.1
        made.append(wild.choice(extra) if rare else wild.choice(SENTENCES))
    return " ".join(made)


def of_people(words: int, wild: random.Random) -> str:
    """One request, or as many answers as make so many words."""
    if words <= REQUEST_WORDS:
        return wild.choice(written["user"])
    made = list[str]()
    while sum(len(one.split()) for one in made) < words:
        made.append(wild.choice(written["assistant"]))
    return "\n\n".join(made)


def read_written(data: Path) -> None:
    """Read what is no single word and no essay."""
    with gzip.open(data / WRITTEN, "rt", encoding="utf-8") as lines:
        for row in map(orjson.loads, lines):
            if 5 <= len(row["text"].split()) <= 150:
                written.setdefault(row["labels"]["role"], []).append(row["text"])


def conversations(kind: str, exchanges: int, wild: random.Random) -> Iterator[Capture]:
    """Exchanges of conversations: every one replays the turns before it."""
    turns: list[dict[str, str]] = []
    for number in range(exchanges):
        if len(turns) >= TURNS:
            turns = []
        turns.append({"role": "user", "content": text(kind, REQUEST_WORDS, wild)})
        request = orjson.dumps({"model": "gpt-4o", "messages": turns})
        answer = {"role": "assistant", "content": text(kind, 230, wild)}
        choice = {"index": 0, "message": answer, "finish_reason": "stop"}
        response = orjson.dumps({"object": "chat.completion", "model": "gpt-4o", "choices": [choice]})
        yield captured(number, request, response)
        turns.append({"role": "assistant", "content": answer["content"][:250]})


def captured(number: int, request: bytes, response: bytes) -> Capture:
    return Capture(
        id=str(number), route="default", method="POST", target="/v1/chat/completions",
        request_headers=(), request=Body(request, size=len(request)), status=200,
        response_headers=(("content-type", "application/json"),), response=Body(response, size=len(response)),
        started_unix_seconds=time.time(), ended_seconds=0.5, ending=Ending.COMPLETE,
    )  # fmt: skip


def measure(kind: str, mode: str, exchanges: int, pack: Path) -> float:
    """Return processor seconds an exchange, and print them with the ledger of the toxicity watcher."""
    settings = Settings(
        upstream="http://x",
        # All wait from the start: what waited too long would be read by the first stage alone, and then once more.
        observer=Observer(first_stage=mode, behind_seconds=3_600.0),  # type: ignore[arg-type]
        watchers=Watchers(pack=str(pack)),
        drift=Drift(),
    )
    instruments, nobody = Instruments(), Nobody()
    parts = Workshop(instruments, nobody).make(settings)  # type: ignore[arg-type]
    states.clear()
    wild = random.Random(7)
    waiting = [Waiting(one, None, nobody, at, 0) for at, one in enumerate(conversations(kind, exchanges, wild))]
    times = []
    for part in (waiting[:8], waiting[8:]):
        backlog = Backlog(len(part), 1)
        for one in part:
            backlog.put(one)
        pipeline = Pipeline(backlog, parts, instruments, lambda origin, *settled: origin.settle(*settled))
        began = time.process_time()
        pipeline.start()
        assert pipeline.stop(230)
        times.append(time.process_time() - began)
    each = times[1] / (exchanges - 8)
    ledger = {key.split("\0")[1]: count for key, count in states.items() if key.startswith("toxicity\0")}
    print(
        f"{kind:>8} {mode:>7}: {each * 1000:6.1f} CPU-ms an exchange, {1 / each:6.1f} a second and core; toxicity {ledger}"
    )
    return each


def looks(pack: Path) -> None:
    """Print the time of a first look at a text of 64 tokens, disguises looked for, tokenising included."""
    described = read(pack)
    assert described.first is not None, f"{pack} has no first stage"
    began = time.perf_counter()
    first = first_stage.load(described.first, list(described.heads), described.labels, described.model)
    loaded = time.perf_counter() - began
    some = " ".join(SENTENCES[:4])[:300]
    best = {"first look": 1.0, "disguises": 1.0}
    for name, run in (("first look", lambda: first.say(plain(some).text)), ("disguises", lambda: revealed(some))):
        for _ in range(15):
            began = time.process_time()
            for _ in range(200):
                run()
            best[name] = min(best[name], (time.process_time() - began) / 200)
    words = len(first_stage.words(some))
    shown = ", ".join(f"{name} {seconds * 1e6:.0f} µs" for name, seconds in best.items())
    print(
        f"text of {words} words: {shown}; loaded in {loaded * 1000:.0f} ms, {described.first.stat().st_size / 2**20:.1f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, default=BUNDLED)
    parser.add_argument("--exchanges", type=int, default=60)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    looks(given.pack)
    if given.data:
        read_written(given.data)
    for kind in (*KINDS, *(["written"] if given.data else [])):
        measure(kind, "off", given.exchanges, given.pack)
        full = measure(kind, "auto", given.exchanges, given.pack)  # which keeps up here: all is read in full
        screened = measure(kind, "always", given.exchanges * 4, given.pack)
        print(f"{kind:>8}: the cascade costs 1/{full / screened:.1f} of what auto does while it keeps up")


if __name__ == "__main__":
    main()
