"""Arguments of a function call that Gemini streams by place: `partialArgs` with a JSON path and a piece of the value.

*Source*: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content#PartialArg. The pieces of one
path follow one another; strings join, any other value comes whole. Paths are of names and indices (`$.a.b[0]`).
"""

import re
from typing import Any, Final

from sidecar.wire import json_text
from sidecar.wire.gemini_names import field

MAX_PLACES: Final = 1024  # of one call
MAX_ITEMS: Final = 100  # of one list; with MAX_STEPS it bounds what hostile paths can fill
MAX_PATH_CHARACTERS: Final = 1024
MAX_STEPS: Final = 8  # of one path
_VALUES: Final = ("stringValue", "numberValue", "boolValue")
_STEP: Final = re.compile(r"\.?([^.\[\]']+)|\[(\d{1,4})\]|\['([^']*)'\]")


class PartialArguments:
    """One call's arguments in the making."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[Any]] = {}

    def feed(self, partial: list[dict[str, Any]]) -> None:
        """Take the pieces of one event in."""
        for piece in partial:
            path = json_text.text(field(piece, "jsonPath"))
            if path in self._pieces or len(self._pieces) < MAX_PLACES:
                values = (field(piece, name) for name in _VALUES)
                self._pieces.setdefault(path, []).append(next((value for value in values if value is not None), None))

    def value(self) -> dict[str, Any]:
        """Return the arguments as far as they came."""
        root: dict[str, Any] = {}
        for path, pieces in self._pieces.items():
            texts = [piece for piece in pieces if isinstance(piece, str)]
            _put(root, path, "".join(texts) if texts else pieces[-1])
        return root


def _put(root: dict[str, Any], path: str, value: Any) -> None:
    steps = [
        (name or quoted, index) for name, index, quoted in _STEP.findall(path[:MAX_PATH_CHARACTERS].removeprefix("$"))
    ]
    if len(steps) > MAX_STEPS:
        return
    node: Any = root
    for position, (name, index) in enumerate(steps):
        last = position == len(steps) - 1
        inner = value if last else ([] if steps[position + 1][1] else {})
        if isinstance(node, list) and index and int(index) < MAX_ITEMS:
            node += [None] * (int(index) + 1 - len(node))
            if last or node[int(index)] is None:
                node[int(index)] = inner
            node = node[int(index)]
        elif isinstance(node, dict):
            node = node.setdefault(name or index, inner)
        else:
            return  # a path that leads through a value
