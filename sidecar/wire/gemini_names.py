"""Names of Gemini's fields, which come in camel case or in snake case."""

import re
from functools import cache
from typing import Any, Final

from sidecar.wire import json_text

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def field(body: Any, name: str) -> Any:
    """Return the value of `name` (camel case) in `body`, also where it is written in snake case, or None."""
    found = json_text.at(body, name)
    return json_text.at(body, snake(name)) if found is None else found


@cache
def snake(name: str) -> str:
    """Return a name in snake case."""
    return _CAMEL.sub("_", name).lower()
