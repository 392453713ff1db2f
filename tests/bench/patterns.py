"""What the pattern watchers cost: microseconds per KB on ordinary text, and whether hostile text stays linear.

usage: python tests/bench/patterns.py [--data DIR]

Without --data the ordinary texts are the ones below. The growth column is the time for 1 MB over sixteen times that for
64 KB of the same: 1.0 is linear, 16 would be quadratic.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

from watchers.pii.watcher import Pii
from watchers.secrets.watcher import Secrets

ORDINARY = {
    "prose": "The committee met on the second floor to talk about the harvest, which had been poor. Nobody could say "
    "why the rain had stayed away, and the older farmers blamed the new dam in the hills. ",
    "chat": "Hi! Could you help me write a short note to my landlord? The heating broke 3 days ago and it's 12 degrees "
    "inside. I'd like to be polite but firm, and mention that my phone is always on. Thanks a lot 😊 ",
    "code": "def load(path: str, limit: int = 1024) -> list[dict]:\n    with open(path) as file:\n        rows = [json.loads"
    "(line) for line in file]\n    return rows[:limit]  # see https://docs.example.com/api/v2/rows?limit=20\n\n",
    "numbers": "In 2021 revenue rose 12.5% to 1,204,300 while costs fell from 830,000 to 790,500; units 4,120 of 5,000, "
    "ratio 0.824, margin 34.36%, order 100234, section 4.2.1, 16-3-4=9 eggs at $2 each. ",
    "german": "Die Gemeinde prüft derzeit, ob die alte Brücke über den Fluss noch befahren werden darf; größere "
    "Fahrzeuge müssen bis auf Weiteres einen Umweg über die Nachbargemeinde nehmen. ",
    "chinese": "委员会昨天在二楼开会，讨论今年的收成情况。大家都说不清楚为什么一直没有下雨，年长的农民认为是山里新建的水坝造成的。",
}
HOSTILE = {
    "digits": "1",
    "spaced digits": "1 ",
    "digits and points": "1.",
    "phone-like": "555-1234 ",
    "card-like": "4111 1111 1111 1112 ",
    "at signs": "@",
    "a@a.": "a@a.",
    "dashes": "-",
    "begin private key": "-----BEGIN RSA PRIVATE KEY-----",
    "eyJ": "eyJhbGciOiJub25l",
    "eyJ.": "eyJhbGciOiJub25lIn0.",
    "password=": "password=",
    "key is": "api key is ",
    "colons": "a:",
    "urls": "http://a:b@",
    "street": "12 Main Street ",
    "capitals": "Main ",
    "brackets": "((((",
    "words of context": "phone card bank ssn passport address ",
    "dates": "1/2/2001 ",
    "base58": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 ",
    "ether": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
    "keywords": "aws stripe github slack azure ",
    "one word": "a",
    "zero width": "1\u200b",
    "ipv6": "fe80::",
}
SMALL, LARGE = 65_536, 1_048_576


def seconds(job: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        job()
        best = min(best, time.process_time() - began)
    return best


def ordinary(pii: Pii, secrets: Secrets, texts: dict[str, list[str]]) -> None:
    print(f"{'ordinary text':24} {'KB':>8} {'pii us/KB':>10} {'secrets us/KB':>14} {'together':>9}")
    for name, sample in texts.items():
        size = sum(map(len, sample)) / 1024
        one = seconds(lambda sample=sample: [pii.spans(text) for text in sample], 3) * 1e6 / size
        two = seconds(lambda sample=sample: [secrets.spans(text) for text in sample], 3) * 1e6 / size
        print(f"{name:24} {size:8.1f} {one:10.1f} {two:14.1f} {one + two:9.1f}")


def hostile(pii: Pii, secrets: Secrets) -> None:
    print(f"\n{'hostile text, 1 MB':24} {'pii s':>8} {'growth':>7} {'secrets s':>10} {'growth':>7}")
    for name, unit in HOSTILE.items():
        row = []
        for find in (pii.spans, secrets.spans):
            small, large = ((unit * (size // len(unit) + 1))[:size] for size in (SMALL, LARGE))
            short = seconds(lambda find=find, text=small: find(text), 3)
            long = seconds(lambda find=find, text=large: find(text), 1)
            row += [long, long / (short * LARGE / SMALL)]
        print(f"{name:24} {row[0]:8.3f} {row[1]:7.2f} {row[2]:10.3f} {row[3]:7.2f}")


def from_files(data: Path) -> dict[str, list[str]]:
    texts = {}
    for path in sorted((data / "benign").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts[path.name.partition(".")[0]] = [
                json.loads(line)["text"] for _, line in zip(range(1000), lines, strict=False)
            ]
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a directory with benign/*.jsonl.gz")
    asked = parser.parse_args()
    pii, secrets = Pii(), Secrets()
    texts = {name: [(text * 40)[:1024] for _ in range(50)] for name, text in ORDINARY.items()}
    ordinary(pii, secrets, texts | (from_files(asked.data) if asked.data else {}))
    hostile(pii, secrets)


if __name__ == "__main__":
    main()
