"""OpenAI Realtime: one WebSocket session is one Exchange; each answer of the model is a choice, and usage adds up.

*Source*: https://platform.openai.com/docs/api-reference/realtime-client-events and /realtime-server-events; the names
of the beta are read as well. Sound is kept as size only; what was said is read from its transcripts.
"""

from typing import Any, ClassVar

from sidecar.wire import json_text, media, openai_items
from sidecar.wire.decoder import Call
from sidecar.wire.exchange import Media, Message, Operation, Role
from sidecar.wire.openai_responses import PARAMETERS, OpenAIResponses

_AUDIO_DELTAS = ("response.output_audio.delta", "response.audio.delta")


class OpenAIRealtime(OpenAIResponses):
    """Reads both directions of `/realtime`."""

    name: ClassVar[str] = "openai-realtime"
    operation: ClassVar[Operation] = Operation.REALTIME

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.exchange.request_model = call.query.get("model") or call.query.get("deployment")
        self._session: dict[str, Any] = {}  # as it was last read, so that repeated updates say nothing twice
        self._heard_bytes = 0  # of sound sent and not yet part of a message
        self._heard: list[str] = []  # what was said, to be translated
        self._spoken_bytes = 0

    def client_message(self, data: Any) -> None:
        kind = json_text.text(data, "type")
        if kind == "session.update":
            self._update(json_text.obj(data, "session"))
        elif kind == "conversation.item.create":
            openai_items.add_input(self.exchange, json_text.obj(data, "item"))
        elif kind in ("input_audio_buffer.append", "session.input_audio_buffer.append"):
            self._heard_bytes += media.base64_bytes(json_text.text(data, "audio"))
        elif kind == "input_audio_buffer.clear":
            self._heard_bytes = 0
        elif kind == "response.create":
            self.read_prompt(json_text.obj(data, "response"))

    def server_message(self, data: Any) -> None:
        kind = json_text.text(data, "type")
        if kind == "input_audio_buffer.committed":
            self._commit()
        elif kind == "conversation.item.input_audio_transcription.completed":
            self.exchange.add_message(Message(Role.USER, json_text.text(data, "transcript")))
        elif kind == "session.input_transcript.delta":
            self._heard.append(json_text.text(data, "delta"))
        elif kind in ("session.created", "session.updated"):
            model = json_text.maybe_text(data, "session", "model")
            self.exchange.response_model = model or self.exchange.response_model
        elif kind in _AUDIO_DELTAS:
            self._spoken_bytes += media.base64_bytes(json_text.text(data, "delta"))
        elif kind == "response.done":
            self._speak()
            self.event("", data)
        else:
            self.event("", data)

    def end(self) -> None:
        self._commit()
        self.exchange.add_message(Message(Role.USER, "".join(self._heard)))
        self._speak()
        super().end()

    def _update(self, session: dict[str, Any]) -> None:
        news = {name: value for name, value in session.items() if self._session.get(name) != value}
        self._session |= news
        self.exchange.request_model = json_text.maybe_text(news, "model") or self.exchange.request_model
        self.exchange.add_parameters(news, *PARAMETERS)
        self.read_prompt(news)

    def _commit(self) -> None:
        if self._heard_bytes:
            self.exchange.add_message(Message(Role.USER, media=(Media("audio", None, self._heard_bytes),)))
        self._heard_bytes = 0

    def _speak(self) -> None:
        if self._spoken_bytes:
            self.exchange.choice(self.answers).media.append(Media("audio", None, self._spoken_bytes))
        self._spoken_bytes = 0
