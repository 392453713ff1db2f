"""Cohere's first API, which Bedrock speaks, too: `message`, `chat_history`, `preamble` to `text`; and text generation.

*Source*: https://docs.cohere.com/reference/chat-v1. Streams are JSON lines; the last repeats the whole response.
"""

from typing import Any, ClassVar

from sidecar.wire import json_text
from sidecar.wire.cohere import Cohere
from sidecar.wire.exchange import Message, Role
from sidecar.wire.turn import role_of


class CohereV1(Cohere):
    """`/v1/chat` and `/v1/generate`."""

    name: ClassVar[str] = "cohere-v1"

    def request(self, body: Any) -> None:
        exchange = self.exchange
        self._common(body)
        exchange.conversation_id = json_text.maybe_text(body, "conversation_id")
        exchange.add_system(json_text.text(body, "preamble"))
        for turn in json_text.objects(body, "chat_history"):
            text = json_text.text(turn, "message") or json_text.text(turn, "text")
            exchange.add_message(Message(role_of(json_text.text(turn, "role")), text))
            self._results(turn)
        exchange.add_message(Message(Role.USER, json_text.text(body, "message") or json_text.text(body, "prompt")))
        self._results(body)
        self._documents(body)
        for tool in json_text.objects(body, "tools"):
            exchange.add_tool(json_text.maybe_text(tool, "name"), tool)

    def _results(self, body: Any) -> None:
        for result in json_text.objects(body, "tool_results"):
            text = json_text.dump(result.get("outputs") or "")
            self.exchange.add_message(
                Message(Role.TOOL, text, tool_call_id=json_text.maybe_text(result, "call", "name"))
            )

    def response(self, body: Any) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(body, "response_id") or json_text.maybe_text(body, "id")
        self._reply(body)
        for index, generation in enumerate(json_text.objects(body, "generations")):
            choice = exchange.choice(index)
            choice.add_text(json_text.text(generation, "text"))
            choice.finish_reason = json_text.maybe_text(generation, "finish_reason")
        self._count_v1(body)

    def _reply(self, body: Any) -> None:
        choice = self.exchange.choice()
        choice.add_text(json_text.text(body, "text"))
        for each in json_text.objects(body, "tool_calls"):
            choice.add_call(None, json_text.text(each, "name"), each.get("parameters"))
        choice.finish_reason = json_text.maybe_text(body, "finish_reason") or choice.finish_reason

    def _count_v1(self, body: Any) -> None:
        self._count(json_text.obj(body, "meta"))

    def event(self, name: str, data: Any) -> None:
        self._streaming = True
        kind = json_text.text(data, "event_type") or name
        if kind == "stream-end" or json_text.flag(data, "is_finished"):
            self._end_of_stream(data)
        elif kind == "tool-calls-generation":
            self._reply({"tool_calls": data.get("tool_calls")})
        elif kind in ("text-generation", ""):
            self._reply({"text": json_text.text(data, "text")})
        self.take_error(data, in_stream=True)

    def _end_of_stream(self, data: Any) -> None:
        """Read the last line: it repeats the whole response, so only what the pieces had not is taken."""
        whole = json_text.obj(data, "response")
        choice = self.exchange.choice()
        self._finished = True
        self.exchange.response_id = json_text.maybe_text(whole, "response_id") or json_text.maybe_text(whole, "id")
        self._reply({"finish_reason": data.get("finish_reason") or whole.get("finish_reason")})
        self._reply({"tool_calls": None if choice.calls else whole.get("tool_calls")})
        self._reply({"text": "" if choice.texts else json_text.text(whole, "text")})
        self._count_v1(whole)
