"""`sidewatch baseline`: make, look at, compare, share and accept what drift is measured against."""

import argparse
import http.client
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sidecar.commands.arguments import Subparsers, add_settings, subcommand
from sidecar.commands.drift import encoder_for
from sidecar.commands.rows import rows, write_json
from sidecar.errors import CommandError

if TYPE_CHECKING:
    from watchers.drift.baseline import Baseline
    from watchers.encoding import Encoder

_EXAMPLES = """\
  sidewatch baseline build --from last-month.jsonl --output normal.baseline
  sidewatch baseline build --from exchanges.jsonl --direction completion --model gpt-4o-mini --output answers.baseline
  sidewatch baseline show normal.baseline
  sidewatch baseline diff normal.baseline other.baseline
  sidewatch baseline export normal.baseline > normal.json
  sidewatch baseline accept --admin 127.0.0.1:9090 --route default --model gpt-4o-mini --direction prompt"""
_SOURCES = """\
  Lines are {"text": "..."} or {"embedding": [..]}, with any numbers and categories; or they are an exchange log (with its
  masked texts, `log.text`), of which the newest text of each exchange in the direction is taken."""
_TIMEOUT_SECONDS: Final = 30.0


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "baseline", "make, show, compare and accept references of drift", _EXAMPLES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    make = subcommand(actions, "build", "build a baseline from texts, embeddings or the exchange log", _SOURCES)
    make.add_argument("--from", dest="source", metavar="FILE", required=True, help="JSON lines; - is standard input")
    make.add_argument("--output", metavar="FILE", required=True, help="where to write it")
    make.add_argument(
        "--direction", choices=("prompt", "completion"), default="prompt", help="of the streams it is for"
    )
    make.add_argument("--route", help="of an exchange log: only this route")
    make.add_argument("--model", help="of an exchange log: only this requested model")
    make.add_argument("--pack", metavar="DIR", help="model pack; the one that ships otherwise")
    add_settings(make)
    make.set_defaults(run=build)
    for name, text, action in (
        ("show", "describe a baseline as JSON", show),
        ("export", "write bins, shares and terms as JSON, for other tools", export),
    ):
        one = subcommand(actions, name, text, "")
        one.add_argument("file", metavar="FILE")
        one.set_defaults(run=action)
    two = subcommand(actions, "diff", "say how two baselines differ, as a drift's reason does", "")
    two.add_argument("before", metavar="BEFORE")
    two.add_argument("after", metavar="AFTER")
    two.set_defaults(run=diff)
    taken = subcommand(actions, "accept", "take a running stream's present as its new normal", "")
    taken.add_argument("--admin", metavar="HOST:PORT", default="127.0.0.1:9090", help="of the running Sidewatch")
    taken.add_argument("--route")
    taken.add_argument("--model")
    taken.add_argument("--direction", choices=("prompt", "completion", "provider"))
    taken.add_argument("--label", help="of a stream that is one label's share of the traffic")
    taken.set_defaults(run=accept)


def build(args: argparse.Namespace) -> int:
    """Write a baseline's file."""
    from sidecar.commands.record_rows import from_log
    from watchers.drift import DriftError
    from watchers.drift.baseline import to_bytes
    from watchers.drift.run import build_from_rows
    from watchers.watcher import Direction

    read = list(from_log(rows(args.source), args.direction, args.route, args.model))
    encoder = encoder_for(read, args)
    try:
        made = _masked(build_from_rows(read, encoder, Direction(args.direction)), encoder)
    except DriftError as error:
        raise CommandError(f"{args.source}: {error}", 2) from error
    data = to_bytes(made)
    try:
        Path(args.output).write_bytes(data)
    except OSError as error:
        raise CommandError(f"{args.output}: cannot be written: {error.strerror}") from error
    sys.stderr.write(f"sidewatch: {len(made.table)} of {made.seen} rows, {len(data):,} bytes in {args.output}\n")
    return 0


def _masked(made: "Baseline", encoder: "Encoder | None") -> "Baseline":
    """Return the baseline with personal data and secrets in its exemplars replaced: it is a file that is shared."""
    from sidecar.commands.judging import record
    from sidecar.observer.mask import Masker
    from watchers.registry import build as build_watchers

    texts = [
        replace(record("baseline", text, "user"), position=index) for index, text in enumerate(made.table.exemplars)
    ]
    watchers = build_watchers(("pii", "secrets"), {}, encoder)
    masker = Masker(texts, {watcher.name: watcher.watch(texts) for watcher in watchers})
    exemplars = [masker.maybe_text(text, len(text.text)) or "" for text in texts]
    return replace(made, table=replace(made.table, exemplars=exemplars))


def show(args: argparse.Namespace) -> int:
    """Describe one."""
    from watchers.drift import baseline

    write_json(baseline.show(_read(args.file)), indent=2)
    return 0


def export(args: argparse.Namespace) -> int:
    """Write one for other tools."""
    from watchers.drift import baseline

    write_json(baseline.export(_read(args.file)), indent=2)
    return 0


def diff(args: argparse.Namespace) -> int:
    """Compare two."""
    from watchers.drift import DriftError, baseline

    try:
        write_json(baseline.diff(_read(args.before), _read(args.after)), indent=2)
    except DriftError as error:
        raise CommandError(f"{args.before}, {args.after}: {error}", 2) from error
    return 0


def accept(args: argparse.Namespace) -> int:
    """Ask a running Sidewatch to accept."""
    chosen = {name: getattr(args, name) for name in ("route", "model", "direction", "label") if getattr(args, name)}
    url = f"http://{args.admin}/drift/accept?{urllib.parse.urlencode(chosen)}"
    try:
        request = urllib.request.Request(url, method="POST")
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            sys.stdout.write(response.read().decode())
    except urllib.error.HTTPError as error:
        raise CommandError(f"{args.admin} refused: {error.read().decode(errors='replace').strip()}") from error
    except (OSError, http.client.HTTPException) as error:  # the latter: what was given is no address
        cause = getattr(error, "reason", error)
        why = getattr(cause, "strerror", None) or cause
        raise CommandError(
            f"{args.admin} does not answer: {why}; give --admin HOST:PORT of a running sidewatch"
        ) from error
    return 0


def _read(file: str) -> "Baseline":
    from watchers.drift import BaselineError
    from watchers.drift.baseline import from_bytes

    try:
        return from_bytes(Path(file).read_bytes())
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}", 2) from error
    except BaselineError as error:
        raise CommandError(f"{file}: {error}", 2) from error
