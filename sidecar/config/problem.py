"""What is wrong with a configuration, said so that a person can mend it: key, value, what was expected, remedy."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]
HIDDEN: Final = "[hidden]"
_SECRET_NAME: Final = re.compile(r"(?i)(?:^|[_-])(?:token|secret|password|passwd|api[_-]?key|credentials?)$")
_URL_PASSWORD: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]+@")
_URL_QUERY: Final = re.compile(r"(?P<before>://[^?\s]+\?).+")
_SHOWN_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `where` is file:line, an environment variable or a flag; `remedy` says what to write instead."""

    key: str
    what: str
    remedy: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where + ': ' if self.where else ''}{self.key}{self.what}; {self.remedy}"


class ConfigError(Exception):
    """The configuration cannot be used as it is: change it. Carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def key_of(path: Path) -> str:
    """Return a path as people write it: `routes[0].tls.ca_file`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "configuration"


def hidden(path: Path, value: object) -> object:
    """Return a value fit for a screen or a log: secrets and passwords in URLs replaced.

    Secret are the values of added headers and every key named like a token, a password or an API key.
    """
    names = [part for part in path if isinstance(part, str)]
    if "add_request_headers" in names[:-1] or (names and _SECRET_NAME.search(names[-1]) and value is not None):
        return HIDDEN
    if isinstance(value, str):
        return _URL_QUERY.sub(rf"\g<before>{HIDDEN}", _URL_PASSWORD.sub(rf"\g<scheme>{HIDDEN}@", value))
    return value


def shown(path: Path, value: object) -> str:
    """Return ` = VALUE` for a message: one short line, secrets hidden."""
    text = json.dumps(_plain(path, value), ensure_ascii=False, default=str)
    return f" = {text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + '…'}"


def _plain(path: Path, value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain((*path, str(key)), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain((*path, index), item) for index, item in enumerate(value)]
    return hidden(path, value)
