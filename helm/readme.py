"""Write the table of values in the chart's README from the comments of values.yaml: `python helm/readme.py`.

A comment that begins with `# --` describes the key under it and goes on over the comment lines that follow. Every leaf gets a row;
one without a comment of its own stands under its section's.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "sidewatch"
BEGIN, END = "<!-- values: written by helm/readme.py -->", "<!-- end of values -->"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][A-Za-z0-9_]*):")


def comments(text: str) -> dict[tuple[str, ...], str]:
    """Return what is said about each key, by path."""
    found: dict[tuple[str, ...], str] = {}
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# -- "):
            said = [bare.removeprefix("# -- ")]
        elif bare.startswith("#") and said:
            said.append(bare.removeprefix("#").strip())
        elif match := _KEY.match(line):
            path = [*path[: len(match["indent"]) // 2], match["key"]]
            if said:
                found[tuple(path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return every value that is no section, in order; an empty section is a value."""
    rows: list[tuple[tuple[str, ...], Any]] = []
    for key, value in values.items():
        rows += leaves(value, (*path, key)) if isinstance(value, dict) and value else [((*path, key), value)]
    return rows


def table(text: str) -> str:
    """Return the rows in Markdown."""
    said = comments(text)
    lines = ["| value | default | meaning |", "|---|---|---|"]
    for path, default in leaves(yaml.safe_load(text)):
        meaning = said.get(path) or next((said[path[:n]] for n in range(len(path) - 1, 0, -1) if path[:n] in said), "")
        lines.append(f"| `{'.'.join(path)}` | `{json.dumps(default)}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def readme(old: str, values: str) -> str:
    """Return the README with its table made anew. Raises ValueError where the markers are missing."""
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(values)}\n{END}{after}"


def main() -> int:
    file = CHART / "README.md"
    file.write_text(readme(file.read_text(), (CHART / "values.yaml").read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
