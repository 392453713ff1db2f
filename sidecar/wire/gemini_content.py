"""What Gemini's requests and answers are made of, over HTTP and Live: contents, parts, tools, counts.

*Source*: https://ai.google.dev/api/caching#Content. Names come in camel case or snake case. Thoughts are not in
`candidatesTokenCount`, nor the prompts of built-in tools in `promptTokenCount`: they are added up here.
"""

from typing import Any, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ChoiceBuilder, ExchangeBuilder
from sidecar.wire.exchange import Media, Message, Role
from sidecar.wire.gemini_names import field, snake
from sidecar.wire.gemini_partial import PartialArguments
from sidecar.wire.turn import Turn, role_of

_PARAMETERS: Final = (
    "temperature", "topP", "topK", "maxOutputTokens", "candidateCount", "stopSequences", "seed", "presencePenalty",
    "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
    "responseLogprobs", "logprobs", "thinkingConfig", "mediaResolution", "speechConfig",
)  # fmt: skip


def read_prompt(exchange: ExchangeBuilder, body: Any) -> None:
    """Read system instruction, contents, tools and parameters of a generateContent request."""
    read_contents(exchange, field(body, "systemInstruction"), Role.SYSTEM)
    read_contents(exchange, field(body, "contents"))
    for tool in json_text.objects(body, "tools"):
        _read_offer(exchange, tool)
    cached = json_text.maybe_text(field(body, "cachedContent"))
    if cached:  # a part of the prompt that lives on the server
        exchange.set_parameter("cached_content", cached)
    config = field(body, "generationConfig")
    for name in _PARAMETERS:
        value = field(config, name)
        if value is not None:
            exchange.set_parameter(snake(name), value)


def _read_offer(exchange: ExchangeBuilder, tool: dict[str, Any]) -> None:
    """Record function declarations by name, a built-in tool (googleSearch, ...) by its key."""
    declarations = json_text.objects(field(tool, "functionDeclarations"))
    for declaration in declarations:
        exchange.add_tool(json_text.maybe_text(declaration, "name"), declaration)
    if not declarations:
        exchange.add_tool(next(iter(tool), None), tool)


def read_contents(exchange: ExchangeBuilder, contents: Any, role: Role | None = None) -> None:
    """Add the messages of one content or several; text by itself counts as a content of the user."""
    if isinstance(contents, str):
        exchange.add_message(Message(role or Role.USER, contents))
    for each in contents if isinstance(contents, list) else [contents]:
        turn = Turn(exchange, role or role_of(json_text.text(each, "role")))
        for part in json_text.items(each, "parts") or json_text.objects(each, "parts"):
            _read_prompt_part(turn, part)
        turn.flush()


def _read_prompt_part(turn: Turn, part: Any) -> None:
    text = part if isinstance(part, str) else json_text.text(part, "text")
    (turn.reasoning if json_text.flag(part, "thought") else turn.text).append(text)
    called, answered = json_text.obj(field(part, "functionCall")), json_text.obj(field(part, "functionResponse"))
    if called:
        turn.tool_call(json_text.maybe_text(called, "id"), json_text.text(called, "name"), called.get("args"))
    if answered:
        call_id = json_text.maybe_text(answered, "id") or json_text.maybe_text(answered, "name")
        files = tuple(found for each in json_text.objects(answered, "parts") for found in media_of(each))
        turn.tool_answer(call_id, json_text.dump(answered.get("response") or ""), files)
    _read_tool(turn, part)
    turn.media.extend(media_of(part))


def _read_tool(turn: Turn, part: Any) -> None:
    """Read a call of a tool that Google runs, and its answer."""
    code, called = json_text.obj(field(part, "executableCode")), json_text.obj(field(part, "toolCall"))
    if code:
        turn.tool_call(None, "code_execution", code)
    if called:
        turn.tool_call(
            json_text.maybe_text(called, "id"), json_text.text(field(called, "toolType")), called.get("args")
        )
    _read_answer(turn, part)


def _read_answer(turn: Turn, part: Any) -> None:
    result, answered = json_text.obj(field(part, "codeExecutionResult")), json_text.obj(field(part, "toolResponse"))
    if result:
        turn.tool_answer("code_execution", json_text.text(result, "output"))
    if answered:
        call_id = json_text.maybe_text(answered, "id") or json_text.maybe_text(field(answered, "toolType"))
        turn.tool_answer(call_id, json_text.dump(answered.get("response") or ""))


def media_of(part: Any) -> list[Media]:
    """Return the summary of what a part holds inline or refers to."""
    inline, linked = json_text.obj(field(part, "inlineData")), json_text.obj(field(part, "fileData"))
    found = []
    if inline:
        found.append(media.of_base64(json_text.maybe_text(field(inline, "mimeType")), inline.get("data")))
    if linked:
        mime_type = json_text.maybe_text(field(linked, "mimeType"))
        found.append(media.of_url(json_text.text(field(linked, "fileUri")), media.kind_of(mime_type), mime_type))
    return found


def read_parts(choice: ChoiceBuilder, content: Any) -> None:
    """Add the parts that the model wrote to `choice`."""
    for part in json_text.objects(content, "parts"):
        text = json_text.text(part, "text")
        if json_text.flag(part, "thought"):
            choice.add_reasoning(text)
        else:
            choice.add_text(text)
        read_call(choice, json_text.obj(field(part, "functionCall")))
        code = json_text.obj(field(part, "executableCode"))
        if code:
            read_call(choice, {"name": "code_execution", "args": code})
        served = json_text.obj(field(part, "toolCall"))
        if served:
            read_call(choice, {**served, "name": field(served, "toolType")})
        _read_answer(Turn(choice.owner, Role.ASSISTANT), part)  # what the model read before it went on
        choice.media.extend(media_of(part))


def read_call(choice: ChoiceBuilder, called: dict[str, Any]) -> None:
    """Add a function call that the model made; without a name it is none, or goes on with the arguments of the last."""
    name = json_text.text(called, "name")
    partial = json_text.objects(field(called, "partialArgs"))
    if partial or (name and json_text.flag(field(called, "willContinue"))):
        _read_partial(choice, called, name, partial)
    elif name:
        arguments = {} if called.get("args") is None else called["args"]
        choice.add_call(json_text.maybe_text(called, "id"), name, arguments)


def _read_partial(choice: ChoiceBuilder, called: dict[str, Any], name: str, partial: list[dict[str, Any]]) -> None:
    if name:
        call = choice.tool_call()
        call.id, call.name, call.partial = json_text.maybe_text(called, "id"), name, PartialArguments()
    elif choice.calls:
        call = next(reversed(choice.calls.values()))
    else:
        return
    if isinstance(call.partial, PartialArguments):
        call.partial.feed(partial)
        choice.owner.produced = True


def _of_audio(usage: Any, details: str) -> int | None:
    """Return the tokens of sound among those of a count's details, None where it has none."""
    counts = [
        json_text.count(field(each, "tokenCount"))
        for each in json_text.objects(field(usage, details))
        if json_text.text(each, "modality") == "AUDIO"
    ]
    return next((count for count in counts if count), None)


def read_counts(usage: Any, output_name: str) -> dict[str, int]:
    """Return the counts of a `usageMetadata` by the names of `set_usage`; a missing output count is none yet."""
    prompt = json_text.count(field(usage, "promptTokenCount"))
    output = json_text.count(field(usage, output_name))
    thoughts = json_text.count(field(usage, "thoughtsTokenCount"))
    if prompt is None and output is None:
        return {}
    counts = {
        "input": None if prompt is None else prompt + (json_text.count(field(usage, "toolUsePromptTokenCount")) or 0),
        "output": (output or 0) + (thoughts or 0),
        "cached_input": json_text.count(field(usage, "cachedContentTokenCount")),
        "reasoning": thoughts,
        "audio_input": _of_audio(usage, "promptTokensDetails"),
        "cached_audio_input": _of_audio(usage, "cacheTokensDetails"),
        "audio_output": _of_audio(usage, output_name.replace("TokenCount", "TokensDetails")),
    }
    return {name: value for name, value in counts.items() if value is not None}
