"""`sidewatch demo`: the whole job on this machine, nothing needed from outside."""

import argparse
from typing import Any

from sidecar.commands.arguments import Subparsers, subcommand
from sidecar.errors import CommandError

_EXAMPLES = """\
  sidewatch demo
  sidewatch demo --listen 127.0.0.1:8080 --admin 127.0.0.1:9090
  sidewatch demo --exchanges 60 --exit-after-summary      # a quick look, too short for drift"""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "demo", "watch a local model provider under real traffic", _EXAMPLES)
    parser.add_argument(
        "--exchanges", type=int, default=480, metavar="N", help="how many calls the app makes; 480 by default"
    )
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="a free port by default")
    parser.add_argument("--admin", metavar="HOST:PORT", default="127.0.0.1:0", help="a free port by default")
    parser.add_argument("--pace", type=float, default=0.02, metavar="SECONDS", help="between two words of an answer")
    parser.add_argument("--exit-after-summary", action="store_true", help="end instead of going on until Ctrl-C")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    if args.exchanges < 1 or args.pace < 0:
        raise argparse.ArgumentError(None, "--exchanges takes 1 or more, --pace 0 or more seconds")
    import asyncio

    try:
        from rich.console import Console

        from sidecar.demo.run import Options, demo
    except ImportError as error:
        raise CommandError(f"the demo needs {error.name}: pip install 'sidewatch[demo]'") from error
    options = Options(
        exchanges=args.exchanges,
        shift_at=args.exchanges * 7 // 12,
        reference_exchanges=max(50, args.exchanges // 4),
        pace_seconds=args.pace,
        listen=args.listen,
        admin=args.admin,
        exit_after_summary=args.exit_after_summary,
    )
    asyncio.run(demo(options, Console()))
    return 0
