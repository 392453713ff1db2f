"""`sidewatch serve`: the proxy and its observer, until a signal ends it."""

import argparse
from typing import Any

from sidecar.commands.arguments import Subparsers, add_settings, add_watchers, source_parts, subcommand

_EXAMPLES = """\
  sidewatch serve --upstream https://api.openai.com
  sidewatch serve --upstream http://localhost:11434 --listen 127.0.0.1:0 --watchers pii,secrets
  sidewatch serve --config sidewatch.yaml --set log.text=none

Then point the app at it: OPENAI_BASE_URL=http://127.0.0.1:8080/v1

signals: SIGTERM and SIGINT finish the open exchanges and end with 0, a second one ends at once;
SIGHUP loads the configuration again, as does a change of the file."""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "serve", "forward traffic to a model API and watch it", _EXAMPLES)
    parser.add_argument("--upstream", metavar="URL", help="where requests go: https://api.openai.com")
    parser.add_argument("--listen", metavar="HOST:PORT", help="for the app; 127.0.0.1:8080 by default, port 0 is any")
    parser.add_argument("--admin", metavar="HOST:PORT", help="for metrics and health; 127.0.0.1:9090 by default")
    parser.add_argument("--workers", metavar="N", help="proxy processes on one port; 1 by default")
    add_watchers(parser)
    add_settings(parser)
    parser.add_argument("--log-format", choices=("json", "console"), help="of exchanges and of the application")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve. Returns 0 after a drain."""
    from sidecar.serve import Source, serve

    serve(Source(*source_parts(args)))
    return 0
