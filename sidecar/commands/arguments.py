"""The flags that several commands share: where the settings come from."""

import argparse
import shutil
from typing import Any, Final

from sidecar.config.layers import process_environment
from sidecar.settings import Settings

Subparsers = argparse._SubParsersAction  # argparse has no public name for it
_WIDEST, _NARROWEST = 110, 50  # columns of a help text
_KEYS: Final = {  # argument -> setting
    "upstream": "upstream",
    "listen": "listen",
    "admin": "admin",
    "workers": "workers",
    "watchers": "watchers.enabled",
    "pack": "watchers.pack",
    "log_format": "log.format",
    "log_level": "log.level",
}


def formatter(prog: str) -> argparse.HelpFormatter:
    """Keep examples as they are written, and the column of names wide enough for ours; never wider than the terminal."""
    columns = shutil.get_terminal_size(fallback=(_WIDEST + 2, 24)).columns - 2
    return argparse.RawDescriptionHelpFormatter(
        prog, max_help_position=26, width=max(_NARROWEST, min(_WIDEST, columns))
    )


def subcommand(commands: "Subparsers[Any]", name: str, text: str, examples: str) -> argparse.ArgumentParser:
    """Add a subcommand whose help ends with examples."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"examples:\n{examples.rstrip()}" if examples else None,
        formatter_class=formatter,
    )
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add --config and --set: enough to reach every setting."""
    parser.add_argument("--config", metavar="FILE", help="YAML file; SIDEWATCH_CONFIG otherwise")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="any setting: capture.queue_bytes=64MiB"
    )


def add_watchers(parser: argparse.ArgumentParser) -> None:
    """Add the choice of watchers and of the model pack."""
    parser.add_argument("--watchers", metavar="NAME,…", help="which ones run; none for none; all built-ins otherwise")
    parser.add_argument("--pack", metavar="DIR", help="model pack; the one that ships otherwise")


def source_parts(args: argparse.Namespace) -> tuple[str | None, dict[str, str], tuple[tuple[str, str, str], ...]]:
    """Return (file, environment, flags) for `sidecar.config.load`."""
    environ = dict(process_environment())
    flags = []
    for name, key in _KEYS.items():
        if getattr(args, name, None) is not None:
            flags.append((key, str(getattr(args, name)), "--" + name.replace("_", "-")))
    for pair in args.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise argparse.ArgumentError(
                None, f"--set {pair}: expected KEY=VALUE, capture.queue_bytes=64MiB for example"
            )
        flags.append((key.strip(), value, f"--set {key.strip()}"))
    return args.config or environ.get("SIDEWATCH_CONFIG"), environ, tuple(flags)


def load_settings(args: argparse.Namespace, *, without_upstream: bool = False) -> Settings:
    """Return the settings. `without_upstream`: for commands that judge and forward nothing. Raises ConfigError."""
    from sidecar.config import load

    file, environ, flags = source_parts(args)
    if without_upstream:
        flags = (("upstream", "http://unused.invalid", "default"), *flags)
    return load(file, environ, flags)
