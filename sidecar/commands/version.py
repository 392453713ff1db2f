"""`sidewatch version`."""

import argparse
import platform
import sys
from typing import Any

from sidecar import __version__
from sidecar.commands.arguments import Subparsers, subcommand


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "version", "print the version", "")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line."""
    del args
    sys.stdout.write(line() + "\n")
    return 0


def line() -> str:
    return f"sidewatch {__version__} (Python {platform.python_version()}, {platform.machine()})"
