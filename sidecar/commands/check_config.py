"""`sidewatch check-config`: every mistake, or the configuration that would be in effect."""

import argparse
import sys
from typing import Any

from sidecar.commands.arguments import Subparsers, add_settings, add_watchers, load_settings, subcommand

_EXAMPLES = """\
  sidewatch check-config --config sidewatch.yaml
  sidewatch check-config --config sidewatch.yaml --models     # loads the watchers, too
  sidewatch check-config --set capture.queue_bytes=64MiB --upstream https://api.openai.com"""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "check-config", "check the configuration and print what is in effect", _EXAMPLES)
    add_settings(parser)
    add_watchers(parser)
    parser.add_argument("--upstream", metavar="URL", help="where requests go")
    parser.add_argument("--models", action="store_true", help="also load the model pack and build every watcher")
    parser.add_argument("--quiet", action="store_true", help="print mistakes only")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the effective configuration as YAML, secrets hidden. Returns 0; ConfigError is 2."""
    from sidecar.config.show import to_yaml

    settings = load_settings(args)
    if args.models:
        from sidecar.commands.judging import panel

        panel(settings)
    if not args.quiet:
        sys.stdout.write(to_yaml(settings))
        sys.stderr.write("sidewatch: the configuration is valid\n")
    return 0
