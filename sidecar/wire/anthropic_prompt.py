"""Anthropic's prompts: content blocks of every kind, with text kept, media summarised and tools' answers set apart.

*Source*: https://docs.anthropic.com/en/api/messages.
"""

from typing import Any, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ExchangeBuilder
from sidecar.wire.exchange import Media, Role
from sidecar.wire.turn import Turn

_MAX_DEPTH: Final = 3  # a tool's answer holds a document, which holds blocks
CALL_TYPES: Final = ("tool_use", "server_tool_use", "mcp_tool_use")


def read_blocks(turn: Turn, content: Any) -> None:
    """Add the content of a prompt message, a string or blocks, to `turn` and hand the turn over."""
    if isinstance(content, str):
        turn.text.append(content)
    for block in json_text.objects(content):
        _read_block(turn, block)
    turn.flush()


def _read_block(turn: Turn, block: dict[str, Any]) -> None:
    kind = json_text.text(block, "type")
    if kind == "thinking":
        turn.reasoning.append(json_text.text(block, "thinking"))
    elif kind == "compaction":  # what the model made of the turns before
        turn.reasoning.append(json_text.text(block, "content"))
    elif kind in CALL_TYPES:
        turn.tool_call(json_text.maybe_text(block, "id"), json_text.text(block, "name"), block.get("input"))
    elif kind.endswith("tool_result"):
        read_result(turn, block)
    else:
        _read_source(turn, kind, block)


def read_result(turn: Turn, block: dict[str, Any]) -> None:
    """Add a tool's answer, of the client's tools or the server's."""
    text, files = _plain(turn.owner, block.get("content"))
    turn.tool_answer(json_text.maybe_text(block, "tool_use_id"), text, files)


def _read_source(turn: Turn, kind: str, block: dict[str, Any], depth: int = 0) -> None:
    """Read text, an image, a document or a search result: text is kept, the rest summarised."""
    turn.text.append(json_text.text(block, "text"))
    if kind == "document" and block.get("context"):  # what the model is told of the document
        turn.text.append(json_text.text(block, "context") + "\n")
    source = block.get("source")
    if kind.endswith("_result"):  # search_result, web_fetch_result, code_execution_result, ...
        source = block
        turn.text += [json_text.text(block, name) for name in ("stdout", "stderr")]
    if kind == "web_search_result" and block.get("title"):
        turn.text.append(json_text.text(block, "title") + "\n")
    if depth < _MAX_DEPTH:
        text, files = _plain(turn.owner, json_text.at(source, "content"), depth + 1)
        turn.text.append(text)
        turn.media.extend(files)
    if json_text.text(source, "type") == "text":
        turn.text.append(json_text.text(source, "data"))
    elif kind in ("image", "document", "container_upload"):
        turn.media.append(_media(kind, source))


def _media(kind: str, source: Any) -> Media:
    kind = "file" if kind == "container_upload" else kind
    return media.of_base64(json_text.maybe_text(source, "media_type"), json_text.at(source, "data"), kind)


def _plain(owner: ExchangeBuilder, content: Any, depth: int = 0) -> tuple[str, tuple[Media, ...]]:
    """Return the text and the media of a block's own content: a string or blocks."""
    if isinstance(content, str):
        return content, ()
    inner = Turn(owner, Role.TOOL)
    for block in json_text.objects(content):
        _read_source(inner, json_text.text(block, "type"), block, depth)
    return "".join(inner.text), tuple(inner.media)
