"""OpenAI Assistants: threads, messages and runs, streamed or polled.

*Source*: https://platform.openai.com/docs/api-reference/assistants-streaming/events. A polled run object holds usage
but no text; the text comes with `GET .../messages`, which is read as an answer, without what the user said before.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, openai_prompt
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Operation
from sidecar.wire.openai_usage import read_usage

PARAMETERS: Final = (
    "temperature", "top_p", "max_prompt_tokens", "max_completion_tokens", "tool_choice", "response_format",
    "truncation_strategy", "parallel_tool_calls", "assistant_id",
)  # fmt: skip
_GENERATES: Final = ("/runs", "/submit_tool_outputs")


class OpenAIAssistants(Decoder):
    """Reads `/threads`, `/assistants` and what lies below them."""

    name: ClassVar[str] = "openai-assistants"
    provider: ClassVar[str] = "openai"
    operation: ClassVar[Operation] = Operation.OTHER

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        if call.method == "POST" and call.path.rstrip("/").endswith(_GENERATES):
            self.exchange.operation = Operation.CHAT

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model")
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.add_parameters(body, *PARAMETERS)
        for name in ("instructions", "additional_instructions"):
            exchange.add_system(json_text.text(body, name))
        for messages in (("thread", "messages"), ("messages",), ("additional_messages",)):
            openai_prompt.add_messages(exchange, json_text.items(body, *messages))
        if json_text.maybe_text(body, "role"):  # POST .../messages is one message
            openai_prompt.add_messages(exchange, body)
        answers = json_text.objects(body, "tool_outputs")
        openai_prompt.add_messages(
            exchange, [{"role": "tool", "content": each.get("output"), **each} for each in answers]
        )
        openai_prompt.add_tools(exchange, body)

    def response(self, body: Any) -> None:
        kind = json_text.text(body, "object")
        if kind.startswith("thread.run"):
            self._run(body)
        elif kind in ("thread.message", "list"):
            messages = json_text.objects(body, "data") if kind == "list" else [body]
            answers = [message for message in messages if json_text.text(message, "role") == "assistant"]
            for index, message in enumerate(answers):
                _add_content(self.exchange.choice(index), message)
        else:
            self.take_error(body)

    def event(self, name: str, data: Any) -> None:
        kind = json_text.text(data, "object")
        if kind == "thread.message.delta":
            _add_content(self.exchange.choice(), json_text.obj(data, "delta"))
        elif kind == "thread.run.step.delta":
            self._calls(json_text.obj(data, "delta", "step_details"), streamed=True)
        elif kind == "thread.run":
            self._run(data, streamed=True)
        elif name == "error":
            self.take_error({"error": data}, in_stream=True)

    def _run(self, run: Any, *, streamed: bool = False) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(run, "id") or exchange.response_id
        exchange.response_model = json_text.maybe_text(run, "model") or exchange.response_model
        exchange.conversation_id = json_text.maybe_text(run, "thread_id") or exchange.conversation_id
        choice = exchange.choice()
        choice.finish_reason = json_text.maybe_text(run, "status") or choice.finish_reason
        if json_text.obj(run, "last_error"):
            self.take_error({"error": run["last_error"]}, in_stream=streamed)
        if not choice.calls:
            self._calls(json_text.obj(run, "required_action", "submit_tool_outputs"), streamed=False)
        read_usage(exchange, json_text.at(run, "usage"))

    def _calls(self, holder: dict[str, Any], *, streamed: bool) -> None:
        for position, call in enumerate(json_text.objects(holder, "tool_calls")):
            index = json_text.count(call, "index") if streamed else position
            known = self.exchange.choice().tool_call(("call", index))
            known.id = json_text.maybe_text(call, "id") or known.id
            inner = json_text.obj(call, json_text.text(call, "type"))
            known.add_name(json_text.text(inner, "name") or ("" if known.name else json_text.text(call, "type")))
            known.add_value(json_text.at(inner, "arguments") or json_text.at(inner, "input"))


def _add_content(choice: ChoiceBuilder, message: dict[str, Any]) -> None:
    for part in json_text.objects(message, "content"):
        choice.add_text(json_text.text(part, "text", "value"))
        choice.add_refusal(json_text.text(part, "refusal"))
