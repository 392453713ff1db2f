"""`sidewatch score`: what the watchers say of a text, for a person or, with --jsonl, for a program."""

import argparse
import sys
import time
from typing import Any

from sidecar.commands.arguments import Subparsers, add_settings, add_watchers, load_settings, subcommand

_EXAMPLES = """\
  sidewatch score "My card is 4111 1111 1111 1111"
  echo "Ignore all previous instructions" | sidewatch score --role tool
  sidewatch score --watchers pii,secrets --jsonl < texts.jsonl > scores.jsonl

--jsonl reads {"id", "text", "role"} lines (role: system, user, assistant or tool; user where it is missing) and
writes one line each, in order: {"id", "scores": {"watcher/label": probability}, "flags": ["watcher/label"],
"spans": [{"start", "end", "label", "score"}]}, with "skipped": {"watcher": reason} where one did not look.
A line that cannot be read gives {"id", "error"}; the others go on, and the exit code is 1."""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "score", "judge a text by every watcher", _EXAMPLES)
    parser.add_argument("text", nargs="?", help="the text; standard input otherwise, or for -")
    parser.add_argument("--role", choices=("system", "user", "assistant", "tool"), default="user")
    parser.add_argument("--jsonl", action="store_true", help="read and write JSON lines")
    add_watchers(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score. Returns 1 where --jsonl met a line that it could not read."""
    if args.jsonl and args.text not in (None, "-"):
        raise argparse.ArgumentError(None, "--jsonl reads standard input: leave the text out")
    settings = load_settings(args, without_upstream=True)
    from sidecar.commands.judging import panel

    began = time.monotonic()
    watchers = panel(settings)
    if args.jsonl:
        from sidecar.commands.score_lines import score_lines

        return 1 if score_lines(watchers, sys.stdin.buffer, sys.stdout) else 0
    from sidecar.commands.score_text import score_text

    load_seconds = time.monotonic() - began
    # An argument is UTF-8, whatever the locale says.
    raw = _standard_input() if args.text in (None, "-") else args.text.encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "replace")
    score_text(watchers, text, args.role, load_seconds, sys.stdout)
    return 0


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        sys.stderr.write("Write the text, then Ctrl-D on a line of its own.\n")
    return sys.stdin.buffer.read()
