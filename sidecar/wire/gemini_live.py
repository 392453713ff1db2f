"""The Gemini Live API: JSON in binary or text WebSocket messages; one session is one Exchange.

*Source*: https://ai.google.dev/api/live. Each turn of the model is a choice; what was spoken is read from transcripts.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from sidecar.wire import json_text
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.gemini_content import read_call, read_contents, read_counts, read_parts, read_prompt
from sidecar.wire.gemini_names import field


class GeminiLive(Decoder):
    """`BidiGenerateContent`, of the Gemini API and of Vertex AI."""

    name: ClassVar[str] = "gemini-live"
    provider: ClassVar[str] = "gcp.gemini"
    operation: ClassVar[Operation] = Operation.REALTIME

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._turn = 0
        self._heard: list[str] = []  # what the user said, as transcribed so far
        self._spent: dict[str, int] = {}  # of the turns before this one
        self._latest: dict[str, int] = {}

    def client_message(self, data: Any) -> None:
        setup = field(data, "setup")
        model = json_text.maybe_text(setup, "model")
        if model:
            self.exchange.request_model = model.rpartition("models/")[2]
        read_prompt(self.exchange, setup)
        read_contents(self.exchange, field(field(data, "clientContent"), "turns"))
        spoken = field(data, "realtimeInput")
        self.exchange.add_message(Message(Role.USER, json_text.text(spoken, "text")))
        responses = field(field(data, "toolResponse"), "functionResponses")
        read_contents(self.exchange, {"parts": [{"functionResponse": each} for each in json_text.objects(responses)]})

    def server_message(self, data: Any) -> None:
        content = field(data, "serverContent")
        self._heard.append(json_text.text(field(content, "inputTranscription"), "text"))
        calls = json_text.objects(field(field(data, "toolCall"), "functionCalls"))
        spoken = json_text.text(field(content, "outputTranscription"), "text")
        if calls or spoken or field(content, "modelTurn"):
            self._model_turn(field(content, "modelTurn"), spoken, calls)
        self._count(field(data, "usageMetadata"))
        self._turn_ends(content)

    def _model_turn(self, turn: Any, spoken: str, calls: Iterable[dict[str, Any]]) -> None:
        self._settle_heard()
        choice = self.exchange.choice(self._turn)
        read_parts(choice, turn)
        choice.add_text(spoken)
        for each in calls:
            read_call(choice, each)

    def _settle_heard(self) -> None:
        self.exchange.add_message(Message(Role.USER, "".join(self._heard)))
        self._heard = []

    def _turn_ends(self, content: Any) -> None:
        interrupted = json_text.flag(content, "interrupted")
        if not (interrupted or json_text.flag(field(content, "turnComplete"))):
            return
        if self._turn in self.exchange.choices:
            self.exchange.choice(self._turn).finish_reason = "interrupted" if interrupted else "turn_complete"
            self._turn += 1
        self._spent = {name: self._spent.get(name, 0) + value for name, value in self._latest.items()}
        self._latest = {}

    def _count(self, usage: Any) -> None:
        """Add up the turns: each says what it cost by itself, its last message counts."""
        counted = read_counts(usage, "responseTokenCount")
        if counted:
            self._latest = counted
            totals = {name: self._spent.get(name, 0) + self._latest.get(name, 0) for name in self._spent | counted}
            self.exchange.set_usage(**totals)

    def end(self) -> None:
        self._settle_heard()
