"""Prompts as OpenAI and its look-alikes write them: message lists, content parts, tools.

A content value is a string, a list of parts or null; the parts of Chat Completions, of Responses and of Mistral differ
in their names only, so that one table reads them all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ExchangeBuilder
from sidecar.wire.exchange import Media, Message, Role, ToolCall
from sidecar.wire.turn import role_of


@dataclass(slots=True)
class Parts:
    """What a content value holds. Text and refusal are both text to who reads a prompt."""

    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)


def read_content(content: Any) -> Parts:
    """Return the parts of a content value: a string, a list of parts, a single part or null."""
    parts = Parts()
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            parts.texts.append(part)
        elif isinstance(part, dict):
            PARTS.get(json_text.text(part, "type"), _text)(parts, part)
    return parts


def add_messages(exchange: ExchangeBuilder, messages: Any) -> None:
    """Append each message of a chat request; a bare string counts as the user's."""
    for message in messages if isinstance(messages, list) else [messages]:
        if isinstance(message, str):
            exchange.add_message(Message(Role.USER, message))
        elif isinstance(message, dict):
            exchange.add_message(_message(message))


def _message(message: dict[str, Any]) -> Message:
    parts = read_content(message.get("content"))
    role = role_of(json_text.text(message, "role"))
    if refusal := json_text.text(message, "refusal"):
        parts.texts.append(refusal)
    audio = message.get("audio")
    return Message(
        role,
        "".join(parts.texts),
        tool_calls=tuple(read_tool_calls(message)),
        tool_call_id=(json_text.maybe_text(message, "tool_call_id") or json_text.maybe_text(message, "name"))
        if role is Role.TOOL
        else None,
        media=(*parts.media, *([Media("audio")] if isinstance(audio, dict) else [])),
        reasoning=read_reasoning(message) or "".join(parts.reasonings),
    )


def read_reasoning(message: dict[str, Any]) -> str:
    """Return a message's or delta's reasoning, under whichever of its names; servers that send two repeat one text."""
    for name in ("reasoning_content", "reasoning"):
        found = message.get(name)
        if isinstance(found, str) and found:
            return found
    if "reasoning_details" not in message:
        return ""
    details = json_text.objects(message, "reasoning_details")
    return "".join(json_text.text(detail, "text") or json_text.text(detail, "summary") for detail in details)


def read_tool_calls(message: dict[str, Any]) -> list[ToolCall]:
    """Return the whole tool calls of an earlier assistant message; the legacy single call included."""
    calls = []
    for call in json_text.objects(message, "tool_calls"):
        name, arguments = call_of(call)
        calls.append(ToolCall(json_text.maybe_text(call, "id"), name, json_text.maybe_dump(arguments)))
    if isinstance(legacy := message.get("function_call"), dict):
        calls.append(ToolCall(None, json_text.text(legacy, "name"), json_text.maybe_dump(legacy.get("arguments"))))
    return calls


def call_of(call: dict[str, Any]) -> tuple[str, Any]:
    """Return (name, arguments) of a call object, whole or a fragment; arguments are text, an object or None."""
    inner = call.get("function")
    if isinstance(inner, dict):
        return json_text.text(inner, "name"), inner.get("arguments")
    inner = call.get("custom")
    return json_text.text(inner, "name"), json_text.at(inner, "input")


def add_tools(exchange: ExchangeBuilder, body: Any) -> None:
    """Record the tools a request offers: nested or flat functions, custom and built-in ones, legacy `functions`."""
    for tool in json_text.objects(body, "tools"):
        kind = json_text.maybe_text(tool, "type")
        inner = json_text.obj(tool, kind or "function") or json_text.obj(tool, "function")
        name = json_text.maybe_text(inner, "name") or json_text.maybe_text(tool, "name")
        exchange.add_tool(name or json_text.maybe_text(tool, "server_label") or kind, tool)
    for function in json_text.objects(body, "functions"):
        exchange.add_tool(json_text.maybe_text(function, "name"), function)


def _text(parts: Parts, part: dict[str, Any]) -> None:
    parts.texts.append(json_text.text(part, "text"))


def _refusal(parts: Parts, part: dict[str, Any]) -> None:
    parts.texts.append(json_text.text(part, "refusal"))


def _transcript(parts: Parts, part: dict[str, Any]) -> None:
    """Audio of the Realtime API: its transcript, and its size."""
    parts.texts.append(json_text.text(part, "transcript"))
    parts.media.append(media.of_base64(json_text.maybe_text(part, "format"), part.get("audio"), "audio"))


def _thinking(parts: Parts, part: dict[str, Any]) -> None:
    parts.reasonings.extend(read_content(part.get("thinking")).texts)


def _by_url(kind: str, key: str) -> Callable[[Parts, dict[str, Any]], None]:
    def read(parts: Parts, part: dict[str, Any]) -> None:
        url = json_text.text(part, key) or json_text.text(part, key, "url")
        parts.media.append(media.of_url(url, kind))

    return read


def _audio(parts: Parts, part: dict[str, Any]) -> None:
    inner = part.get("input_audio")
    if isinstance(inner, str):  # Mistral: base64 or an address
        url = inner if inner.startswith(("http:", "https:", "data:")) else f"data:,{inner}"
        parts.media.append(media.of_url(url, "audio"))
        return
    audio = json_text.obj(part, "input_audio") or part
    format_ = json_text.maybe_text(audio, "format")
    data = audio.get("data") or audio.get("audio")
    parts.texts.append(json_text.text(part, "transcript"))
    parts.media.append(media.of_base64(f"audio/{format_}" if format_ else None, data, "audio"))


def _file(parts: Parts, part: dict[str, Any]) -> None:
    file = json_text.obj(part, "file") or part
    data = json_text.text(file, "file_data")
    if data.startswith("data:"):
        parts.media.append(media.of_url(data, "file"))
    else:
        parts.media.append(media.of_base64(None, data or None, "file"))


PARTS: Final[dict[str, Callable[[Parts, dict[str, Any]], None]]] = {
    "refusal": _refusal,
    "thinking": _thinking,
    "image_url": _by_url("image", "image_url"),
    "input_image": _by_url("image", "image_url"),
    "computer_screenshot": _by_url("image", "image_url"),
    "video_url": _by_url("video", "video_url"),
    "audio_url": _by_url("audio", "audio_url"),
    "document_url": _by_url("document", "document_url"),
    "input_audio": _audio,
    "audio": _transcript,
    "output_audio": _transcript,
    "file": _file,
    "input_file": _file,
}
