"""`sidewatch drift run`: replay texts or embeddings against a reference, as the observer would watch them."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from sidecar.commands.arguments import Subparsers, add_settings, load_settings, subcommand
from sidecar.commands.rows import Row, rows, write_json
from sidecar.errors import CommandError
from sidecar.observer.priority import limit_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchers.encoding import Encoder, Encoding

_EXAMPLES = """\
  sidewatch drift run --reference last-month.jsonl --stream today.jsonl
  sidewatch drift run --reference ref.jsonl --stream - --alarm-every 50000 < stream.jsonl

Lines are {"text": "…"} or {"embedding": [..]}; other numbers in them are watched as scalars, other texts as
categories, "time_seconds" is the time. Writes one JSON line a change of level: {"index", "level", "since_index",
"effect", "evidence", "reason"}, and a summary line at the end."""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "drift", "watch a recorded stream for drift", _EXAMPLES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    run_parser = subcommand(actions, "run", "feed a stream in order and tell each change of level", _EXAMPLES)
    run_parser.add_argument("--reference", metavar="FILE", required=True, help="JSON lines of what is normal")
    run_parser.add_argument("--stream", metavar="FILE", required=True, help="JSON lines in order; - is standard input")
    run_parser.add_argument(
        "--alarm-every",
        metavar="N",
        type=float,
        default=100_000.0,
        help="promised mean number of samples between two false alarms; 100000 by default",
    )
    run_parser.add_argument("--pack", metavar="DIR", help="model pack; the one that ships otherwise")
    add_settings(run_parser)
    run_parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay. Returns 0 whether it drifted or not."""
    limit_threads(1)  # small products: several threads cost thirty times as much on a busy machine
    from watchers.drift import DriftError
    from watchers.drift.run import run as replay

    if args.reference == args.stream == "-":
        raise CommandError("--reference and --stream cannot both be standard input; name a file for one", 2)
    encoder = _LateEncoder(args)
    try:
        for line in replay(list(rows(args.reference)), rows(args.stream), args.alarm_every, encoder):
            write_json(line)
            sys.stdout.flush()
    except DriftError as error:
        raise CommandError(str(error), 2) from error
    return 0


class _LateEncoder:
    """The shared encoder, loaded at the first text: embeddings need no pack. Its name serves within one run only."""

    model = "drift run"

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._loaded: Encoder | None = None

    def encode(self, texts: "Sequence[str]") -> "Sequence[Encoding]":
        """Return each text's encoding, in order. Raises CommandError where the pack cannot be loaded."""
        from sidecar.commands.judging import load_encoder

        if self._loaded is None:
            self._loaded = load_encoder(load_settings(self._args, without_upstream=True))
        return self._loaded.encode(texts)


def encoder_for(read: list[Row], args: argparse.Namespace) -> "Encoder | None":
    """Return the shared encoder where a row has a text and no embedding, else None: embeddings need no pack."""
    if not any(row.get("text") and row.get("embedding") is None for row in read):
        return None
    from sidecar.commands.judging import load_encoder

    return load_encoder(load_settings(args, without_upstream=True))
