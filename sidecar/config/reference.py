"""The reference of all settings as Markdown, made from `sidecar/settings.py`: its fields, defaults and comments.

`python -m sidecar.config.reference > docs/configuration.md`. A test compares, so the page cannot drift.
"""

import ast
import inspect
import io
import sys
import tokenize
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from sidecar import settings
from sidecar.config.convert import range_of, without_none
from sidecar.config.reload import RESTART

_HEADER: Final = """\
# Configuration

Made from `sidecar/settings.py` by `python -m sidecar.config.reference`; do not edit by hand.

A setting is given in a YAML file (`--config FILE` or `SIDEWATCH_CONFIG`), in the environment or by a flag; the later
of these wins, key by key. `sidewatch check-config` checks everything and prints what is in effect, secrets hidden.

```yaml
upstream: https://api.openai.com     # or several, as `routes`
listen: 0.0.0.0:8080
capture:
  queue_bytes: 64MiB
log:
  text: none
```

- **Environment:** the key in upper case behind `SIDEWATCH_`, two underscores between the levels:
  `SIDEWATCH_CAPTURE__QUEUE_BYTES` is `capture.queue_bytes`. Lists of texts are written with commas
  (`SIDEWATCH_WATCHERS__ENABLED=pii,secrets`), anything nested as YAML
  (`SIDEWATCH_ROUTES='[{name: a, upstream: "https://api.example.com"}]'`).
- **Flags:** `--set capture.queue_bytes=64MiB` sets any key; the common ones have flags of their own.
- **Sizes** (`…_bytes`): a number of bytes, or `512KiB`, `64MiB`, `1GiB`, `10MB`. **Durations** (`…_seconds`): a number
  of seconds, or `250ms`, `30s`, `5m`, `1h30m`. `null` means "no limit" where the table allows it.
- **Secrets:** in a text of the file `${NAME}` is replaced by that environment variable (`$$` is one dollar sign), so
  that keys stay out of the file. Values of added headers and passwords in URLs are never shown.
- **Reload:** on SIGHUP, and by itself when the file changes (a Kubernetes ConfigMap, too). A configuration with
  a mistake is refused whole and the running one goes on. Keys marked ⟳ need a restart: a reload says so and leaves
  them as they are.
"""


def reference() -> str:
    """Return the page."""
    parts = [_HEADER, *_section("", settings.Settings, {})]
    return "\n".join(parts)


def _section(prefix: str, kind: type[msgspec.Struct], done: dict[type, str]) -> list[str]:
    """Return a section and those below it; `done` says where a struct used twice is described."""
    done[kind] = prefix
    comments = _comments(kind)
    lines = [
        f"## {prefix or 'Top level'}",
        "",
        *_description(kind),
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    below: list[str] = []
    for field in msgspec.structs.fields(kind):
        inner, path = _struct_in(field.type), f"{prefix}.{field.name}".lstrip(".")
        shape = _words(field.type) if inner is None else ""
        if inner is not None:
            if inner not in done:
                below += _section(path + _suffix(field.type), inner, done)
            shape = f"section [{done[inner]}](#{_anchor(done[inner])})"
        restart = "⟳ " if path in RESTART else ""
        lines.append(f"| `{field.name}` | {shape} | {_default(field)} | {restart}{comments.get(field.name, '')} |")
    return [*lines, "", *below]


def _description(kind: type[msgspec.Struct]) -> list[str]:
    text = kind.__dict__.get("__doc__")
    return [" ".join(inspect.cleandoc(text).split()), ""] if text else []


def _comments(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the comment behind each field, from the source."""
    source = inspect.getsource(kind)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    by_line = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            words = [by_line[line].lstrip("# ") for line in lines if line in by_line]
            found[node.target.id] = " ".join(words).replace("|", "\\|")
    return found


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    plain, _ = without_none(kind)
    inner = get_args(plain)[-1] if get_origin(plain) in (list, dict) else plain
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _suffix(kind: Any) -> str:
    return {list: "[]", dict: ".NAME"}.get(get_origin(kind), "")


def _anchor(path: str) -> str:
    """Return the anchor that Markdown renderers give the section's heading."""
    return "".join(char for char in path.lower() if char.isalnum() or char in "-_")


def _words(kind: Any) -> str:
    plain, optional = without_none(kind)
    if optional:
        return f"{_words(plain)} or null"
    origin, args = get_origin(plain), get_args(plain)
    if origin is Literal:
        return " or ".join(f"`{item}`" for item in args)
    if origin is list:
        return f"list of {_words(args[0])}"
    if origin is dict:
        return f"{_words(args[1])} by name"
    if args and isinstance(args[1], msgspec.Meta):
        return _words(args[0]) + range_of(args[1])
    return {int: "whole number", float: "number", str: "text", bool: "true or false", object: "any value"}[plain]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
