"""What the secrets watcher finds: strings of every published credential pattern, and what it takes for one in ordinary text.

usage: python tests/bench/secret_patterns.py --data DIR [--misses]

DIR holds `pii/secret_patterns_gitleaks.jsonl.gz` and `benign/*.jsonl.gz`. The watcher's vendor rules were made from the same
pattern facts: recall says that nothing was lost on the way, into sentences and past the checks for placeholders, not how many kinds
of secrets there are.
"""

import argparse
import base64
import gzip
import json
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.bench.strings_of import string_of
from watchers.secrets.watcher import Secrets
from watchers.training.secret_rules import NO_SECRETS

CARRIERS = (
    "{}",
    "Here is what I have in my settings:\n{}\nWhy does the client say 401?",
    "please rotate this for me: {} and tell Ann",
    'curl -H "X-Key: {}" https://api.example.org/v1/items',
)
EACH = 8  # strings of a rule


def rules(data: Path) -> Iterator[dict]:
    with gzip.open(data / "pii" / "secret_patterns_gitleaks.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            rule = json.loads(line)["rule"]
            if rule["id"] not in NO_SECRETS and rule.get("regex"):
                yield rule


def samples(rule: dict, rng: random.Random) -> Iterator[tuple[str, int, int]]:
    """Texts with the place of the token, as the rule's own pattern finds it."""
    try:
        plain = rule["regex"].replace("[[:alnum:]]", "[A-Za-z0-9]").replace("(?i)", "")
        pattern = re.compile(plain, re.IGNORECASE if "(?i)" in rule["regex"] else 0)
    except re.error:  # another dialect's syntax
        return
    for number in range(EACH):
        text = CARRIERS[number % len(CARRIERS)].format(string_of(rule["regex"], rng).strip())
        match = pattern.search(text)
        if match:
            yield text, *match.span(1 if pattern.groups and match.group(1) else 0)


def recall(secrets: Secrets, data: Path, misses: bool) -> None:
    rng = random.Random(1)
    found, total, bad = 0, 0, []
    unknown = 0
    for rule in rules(data):
        made = list(samples(rule, rng))
        unknown += not made
        hits = [any(s.start < end and start < s.end for s in secrets.spans(text)) for text, start, end in made]
        found, total = found + sum(hits), total + len(hits)
        if made and sum(hits) < len(hits):
            bad.append((sum(hits) / len(hits), rule["id"], next(t for t, h in zip(made, hits, strict=True) if not h)))
    print(f"recall on strings of the patterns: {found / total:.4f} of {total} ({unknown} rules made no string)")
    for share, name, (text, start, end) in sorted(bad):
        print(f"  {name:44} {share:.2f}" + (f"  {text[max(0, start - 24) : end + 6]!r:.110}" if misses else ""))


def ordinary(data: Path) -> Iterator[tuple[str, list[str]]]:
    rng = random.Random(2)
    for name in ("code_instructions", "bold_wiki_sentences", "gsm8k", "clinc150", "self_instruct_human"):
        with gzip.open(data / "benign" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield name, [json.loads(line)["text"] for line in lines]
    yield "git hashes", [f"fixed in commit {rng.randbytes(20).hex()} on main" for _ in range(2000)]
    yield "UUIDs", [f"request {uuid.UUID(bytes=rng.randbytes(16))} failed" for _ in range(2000)]
    yield (
        "base64 images",
        [f'<img src="data:image/png;base64,{base64.b64encode(rng.randbytes(300)).decode()}">' for _ in range(500)],
    )
    yield (
        "hex colours",
        [f"color: #{rng.randbytes(3).hex()}; background: #{rng.randbytes(3).hex()}" for _ in range(2000)],
    )
    yield "checksums", [f"sha256:{rng.randbytes(32).hex()}  file-{n}.tar.gz" for n in range(1000)]
    yield "lock files", [f'"integrity": "sha512-{base64.b64encode(rng.randbytes(64)).decode()}"' for _ in range(1000)]


def alarms(secrets: Secrets, data: Path, misses: bool) -> None:
    print("\nwhat is found in texts without secrets, per 1,000 texts")
    for name, texts in ordinary(data):
        labels: Counter = Counter()
        for text in texts:
            spans = secrets.spans(text)
            labels.update({span.label for span in spans})
            if spans and misses:
                print(f"    {spans[0].label}: {text[max(0, spans[0].start - 30) : spans[0].end + 10]!r:.120}")
        print(f"  {name:22} {len(texts):6} texts  {1000 * sum(labels.values()) / len(texts):7.2f}  {dict(labels)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--misses", action="store_true", help="print a missed string of each rule, and each false alarm"
    )
    asked = parser.parse_args()
    secrets = Secrets()
    recall(secrets, asked.data, asked.misses)
    alarms(secrets, asked.data, asked.misses)


if __name__ == "__main__":
    main()
