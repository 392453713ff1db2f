"""The streams of `drift_peers.py`: real embeddings and scalars, unchanged for a while, then changed.

A stream is 500 reference samples, 1,000 unchanged ones and 1,000 after the change. Streams of one seed share all but the change.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

REFERENCE, BEFORE, AFTER = 500, 1000, 1000
CONTROLS, SEEDS = 20, 6

# name -> (topic mixed in, share); the last three are made otherwise.
MIXTURES = {
    **{f"arithmetic {share:.0%}": ("arithmetic", share) for share in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)},
    **{f"chat {share:.0%}": ("chat", share) for share in (0.1, 0.25)},
    **{f"other intents {share:.0%}": ("assistant_other", share) for share in (0.25, 1.0)},
    "language 10%": ("german", 0.1),
    "comments 10%": ("comments", 0.1),
    **{f"template {share:.0%}": ("template", share) for share in (0.1, 1.0)},
}
OTHERS = ("gradual 0-50%", "covariance", "length x1.3", "toxicity 0.5-2%")


def rows_of(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


TEMPLATE = "You are a helpful assistant. Answer briefly and politely.\n\nCustomer: {}\nAnswer:"


def embed(args: argparse.Namespace) -> None:
    """Embed texts by topic with the pack's encoder."""
    from watchers.encoder import PackEncoder
    from watchers.pack import BUNDLED

    encoder, data = PackEncoder(BUNDLED, threads=1), Path(args.data)
    clinc = [r for r in rows_of(data / "benign/clinc150.jsonl.gz") if r["labels"]["intent"] != "oos"]  # type: ignore[index]
    rng = np.random.default_rng(0)
    clinc = [clinc[i] for i in rng.permutation(len(clinc))]
    intents = set(rng.permutation(sorted({r["labels"]["intent"] for r in clinc}))[:75])  # type: ignore[index]
    usual = [str(r["text"]) for r in clinc if r["labels"]["intent"] in intents]  # type: ignore[index]
    german = {"ich", "der", "und", "die", "das", "wie"}
    deepset = [str(r["text"]) for r in rows_of(data / "injection/deepset_prompt_injections.jsonl.gz")]
    texts = {
        "assistant": usual[:3600],
        "assistant_other": [str(r["text"]) for r in clinc if r["labels"]["intent"] not in intents][:900],  # type: ignore[index]
        "template": [TEMPLATE.format(text) for text in usual[-700:]],
        "arithmetic": [str(r["text"]) for r in rows_of(data / "benign/gsm8k.jsonl.gz")[::2]][:600],
        "chat": [str(r["text"]) for r in rows_of(data / "toxicity/hh_harmless_turns_unlabelled.jsonl.gz")[::2]][:700],
        "comments": [str(r["text"]) for r in rows_of(data / "toxicity/civil_multilabel_annotations.jsonl.gz")][:600],
        "german": [text for text in deepset if set(text.lower().split()) & german],
    }
    found = {}
    for name, said in texts.items():
        parts = [encoder.encode([t[:600] for t in said[i : i + 16]]) for i in range(0, len(said), 16)]
        found[name] = np.array([encoded.embedding for part in parts for encoded in part], np.float16)
        print(name, found[name].shape, flush=True)
    args.folder.mkdir(parents=True, exist_ok=True)
    np.savez(args.folder / "embeddings.npz", **found)


def scalars(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    return {"tokens": rng.lognormal(3.5, 0.6, count), "toxicity": (rng.random(count) < 0.005).astype(float)}


def after_change(name: str, rows: np.ndarray, numbers: dict[str, np.ndarray], pool: dict[str, np.ndarray], rng: np.random.Generator) -> None:  # fmt: skip # noqa: E501
    """Change the samples in place."""
    if name in MIXTURES or name.startswith("gradual"):
        topic, share = MIXTURES.get(name, ("arithmetic", 0.0))
        shares = np.linspace(0, 0.5, len(rows)) if name.startswith("gradual") else np.full(len(rows), share)
        chosen = rng.random(len(rows)) < shares
        rows[chosen] = pool[topic][rng.integers(0, len(pool[topic]), chosen.sum())]
    elif name == "covariance":
        middle = pool["assistant"].mean(0)
        rows[:] = middle + 0.8 * (rows - middle)
    elif name.startswith("length"):
        numbers["tokens"] *= 1.3
    elif name.startswith("toxicity"):
        numbers["toxicity"][:] = rng.random(len(rows)) < 0.02


def make(args: argparse.Namespace) -> None:
    with np.load(args.folder / "embeddings.npz") as arrays:
        pool = {k: arrays[k].astype(np.float32) for k in arrays.files}
    wanted = [("control", s) for s in range(CONTROLS)] + [("rhythm", s) for s in range(CONTROLS)]
    wanted += [(name, s) for name in (*MIXTURES, *OTHERS) for s in range(SEEDS)]
    for number, (name, seed) in enumerate(wanted):
        rng = np.random.default_rng(seed)  # the same reference and past for every shift of one seed
        total = REFERENCE + BEFORE + AFTER
        rows = pool["assistant"][rng.permutation(len(pool["assistant"]))[:total]].copy()
        numbers = scalars(rng, total)
        if name == "rhythm":  # the share of one topic goes up and down every 125 samples, in the reference too
            chosen = rng.random(total) < 0.25 * (1 + np.sin(np.arange(total) * 2 * np.pi / 125))
            rows[chosen] = pool["chat"][rng.integers(0, len(pool["chat"]), chosen.sum())]
        start = REFERENCE + BEFORE
        late = {k: v[start:] for k, v in numbers.items()}
        after_change(name, rows[start:], late, pool, rng)
        file = args.folder / f"stream-{number:03}.npz"
        np.savez(file, rows=rows.astype(np.float16), name=name, seed=seed, **numbers)


def streams(folder: Path) -> Iterator[tuple[str, int, np.ndarray, dict[str, np.ndarray]]]:
    for file in sorted(folder.glob("stream-*.npz")):
        with np.load(file) as z:
            numbers = {"tokens": z["tokens"], "toxicity": z["toxicity"]}
            yield str(z["name"]), int(z["seed"]), z["rows"].astype(np.float32), numbers
