"""`sidewatch injector`: the Kubernetes admission webhook that puts Sidewatch beside apps."""

import argparse
from pathlib import Path
from typing import Any

from sidecar.commands.arguments import Subparsers, subcommand
from sidecar.errors import CommandError

_EXAMPLES = """\
  sidewatch injector --template template.yaml --certificates /etc/sidewatch/tls

The chart runs it (injector.enabled); a pod opts in with the label or annotation sidewatch.dev/inject: "true"."""


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "injector", "serve the Kubernetes admission webhook", _EXAMPLES)
    parser.add_argument(
        "--template", metavar="FILE", type=Path, required=True, help="what to inject, as the chart renders it"
    )
    parser.add_argument("--certificates", metavar="DIR", type=Path, required=True, help="with tls.crt and tls.key")
    parser.add_argument("--listen", metavar="HOST:PORT", default="0.0.0.0:8443", help="0.0.0.0:8443 by default")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal. Returns 0."""
    import asyncio

    from sidecar.config.resolve import split_address
    from sidecar.injector.server import serve
    from sidecar.injector.template import TemplateError
    from sidecar.logs import configure

    try:
        host, port = split_address(args.listen)
    except ValueError:
        wanted = "expected HOST:PORT, 0.0.0.0:8443 or [::]:8443 for example"
        raise argparse.ArgumentError(None, f"--listen {args.listen}: {wanted}") from None
    configure(process="injector")
    try:
        asyncio.run(serve(args.template, args.certificates, host, port))
    except TemplateError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error
        raise CommandError(f"{what}; expected tls.crt and tls.key in {args.certificates}, and a free port") from error
    return 0
