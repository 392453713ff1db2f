"""Items: what OpenAI's Responses and Realtime APIs are made of, in prompts (`input`) and in answers (`output`).

*Source*: https://platform.openai.com/docs/api-reference/responses/object. An item is a message, a call of a tool, a
tool's answer or a piece of reasoning. Tools that run on the server leave their call here as well (`web_search_call`);
encrypted reasoning is never read.
"""

from typing import Any, Final

from sidecar.wire import json_text, media, openai_prompt
from sidecar.wire.builder import ChoiceBuilder, ExchangeBuilder
from sidecar.wire.exchange import Media, Message, Role, ToolCall
from sidecar.wire.turn import role_of

# Where the different calls keep what the model wrote; the first that is there counts.
_ARGUMENTS: Final = ("arguments", "input", "action", "queries", "code", "operation")
_NOT_CALLS: Final = ("image_generation_call",)
_OTHER_CALLS: Final = ("program", "mcp_approval_request")


def add_input(exchange: ExchangeBuilder, value: Any) -> None:
    """Append a request's `input`: a string, an item or a list of items."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            exchange.add_message(Message(Role.USER, item))
        elif isinstance(item, dict):
            exchange.add_message(_message(item))
            add_results(exchange, item)


def add_results(exchange: ExchangeBuilder, item: dict[str, Any]) -> None:
    """Append what a tool of the server answered, where the item of its call holds that: foreign text in the prompt."""
    texts = [
        json_text.text(item, "output") if json_text.text(item, "type") == "mcp_call" else "",
        *(json_text.text(output, "logs") for output in json_text.objects(item, "outputs")),
        *(json_text.text(result, "text") for result in json_text.objects(item, "results")),
    ]
    text = "\n".join(text for text in texts if text)
    if text:
        exchange.add_message(Message(Role.TOOL, text, tool_call_id=_call_id(item)))


def _message(item: dict[str, Any]) -> Message:
    kind = json_text.text(item, "type")
    if kind.endswith("_output"):
        output = item.get("output", item.get("result"))
        parts = openai_prompt.read_content(output)
        text = "".join(parts.texts) or ("" if parts.media else json_text.maybe_dump(output))
        return Message(Role.TOOL, text, tool_call_id=_call_id(item), media=tuple(parts.media))
    if is_call(kind):
        return Message(Role.ASSISTANT, tool_calls=(_tool_call(item),))
    if kind == "image_generation_call":
        return Message(Role.ASSISTANT, media=(_picture(item),))
    if kind == "reasoning":
        return Message(Role.ASSISTANT, reasoning=reasoning_of(item))
    parts = openai_prompt.read_content(item.get("content"))
    role = role_of(json_text.text(item, "role"))
    return Message(role, "".join(parts.texts), media=tuple(parts.media), reasoning="".join(parts.reasonings))


def add_output(choice: ChoiceBuilder, item: dict[str, Any]) -> None:
    """Append one whole item of an answer to the completion."""
    kind = json_text.text(item, "type")
    if kind == "message":
        for part in json_text.objects(item, "content"):
            choice.add_refusal(json_text.text(part, "refusal"))
            choice.add_text(json_text.text(part, "text") or json_text.text(part, "transcript"))
            for token in json_text.objects(part, "logprobs"):
                choice.add_logprob(json_text.number(token, "logprob"))
    elif kind == "reasoning":
        choice.add_reasoning(reasoning_of(item))
    elif is_call(kind):
        call = _tool_call(item)
        choice.add_call(call.id, call.name, call.arguments)
    elif kind == "image_generation_call":
        choice.media.append(_picture(item))


def is_call(kind: str) -> bool:
    """Return whether an item of type `kind` is a call of a tool."""
    return (kind.endswith("_call") and kind not in _NOT_CALLS) or kind in _OTHER_CALLS


def reasoning_of(item: dict[str, Any]) -> str:
    """Return the readable reasoning of an item: its summary and, where open models give it, its text."""
    parts = json_text.objects(item, "summary") + json_text.objects(item, "content")
    return "".join(json_text.text(part, "text") for part in parts)


def _tool_call(item: dict[str, Any]) -> ToolCall:
    arguments = next((item[name] for name in _ARGUMENTS if item.get(name) is not None), None)
    name = json_text.maybe_text(item, "name") or json_text.text(item, "type")
    return ToolCall(_call_id(item), name, json_text.maybe_dump(arguments))


def _call_id(item: dict[str, Any]) -> str | None:
    return json_text.maybe_text(item, "call_id") or json_text.maybe_text(item, "id")


def _picture(item: dict[str, Any]) -> Media:
    format_ = json_text.maybe_text(item, "output_format")
    return media.of_base64(f"image/{format_}" if format_ else None, item.get("result"), "image")
