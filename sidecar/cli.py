"""The command `sidewatch`: parses arguments, turns known errors into messages and exit codes. Thin."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

_EPILOG: Final = """\
exit codes:
  0  done
  1  it ran and something failed: a port in use, malformed input lines, a minimum not reached
  2  wrong usage or configuration: the message names the key and the remedy

documentation: docs/ in the repository; every setting: docs/configuration.md"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without our characters sees them spelt, not a traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str] | None) -> int:
    # Imported here, so that an early Ctrl-C is no traceback.
    from sidecar.config import ConfigError
    from sidecar.errors import CommandError

    try:
        args = _parser().parse_args(argv)
        return int(args.run(args))
    except ConfigError as error:
        return _failed("\n".join(f"sidewatch: {problem}" for problem in error.problems), 2)
    except argparse.ArgumentError as error:
        return _failed(f"sidewatch: {error.message}", 2)
    except CommandError as error:
        return _failed(f"sidewatch: {error}", error.exit_code)
    except BrokenPipeError:  # the reader of our output left, `| head` for example
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _failed(message: str, code: int) -> int:
    sys.stderr.write(message + "\n")
    return code


def _parser() -> argparse.ArgumentParser:
    from sidecar.commands import baseline, check_config, demo, drift, injector, score, serve, version, watchers
    from sidecar.commands.arguments import formatter

    parser = argparse.ArgumentParser(
        prog="sidewatch",
        description="Runtime monitor for LLM traffic: a transparent proxy, and an observer that judges what passes.",
        epilog=_EPILOG,
        formatter_class=formatter,
    )
    parser.add_argument("--version", action="version", version=version.line())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (serve, demo, score, watchers, drift, baseline, check_config, injector, version):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
