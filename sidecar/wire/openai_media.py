"""OpenAI's audio and images: transcription and translation (forms), speech, image generation and edits.

*Source*: https://platform.openai.com/docs/api-reference/audio and /images. Text is kept; sound and pictures only as
type and size.
"""

import re
from typing import Any, ClassVar, Final

from sidecar.wire import json_text, media
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Message, Operation, Role
from sidecar.wire.multipart import File
from sidecar.wire.openai_chat import deployment_of
from sidecar.wire.openai_usage import read_usage

PARAMETERS: Final = (
    "language", "response_format", "temperature", "timestamp_granularities[]", "include[]", "chunking_strategy",
    "voice", "speed", "stream_format", "n", "size", "quality", "style", "background", "output_format", "moderation",
    "output_compression", "partial_images", "input_fidelity",
)  # fmt: skip
# SRT and VTT around their text: the title, cue numbers and times.
_CUE_LINE: Final = re.compile(r"^(?:WEBVTT.*|\d+|[\d:.,]+ --> [\d:.,]+.*)$")


class _OpenAIMedia(Decoder):
    provider: ClassVar[str] = "openai"

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model") or deployment_of(self.call.path)
        exchange.stream = json_text.at(body, "stream") in (True, "true")
        exchange.user = json_text.maybe_text(body, "user")
        exchange.add_parameters(body, *PARAMETERS)
        exchange.add_system(json_text.text(body, "instructions"))
        text = json_text.text(body, "prompt") or json_text.text(body, "input")
        exchange.add_message(Message(Role.USER, text, media=_files(body)))


class OpenAITranscriptions(_OpenAIMedia):
    """`/audio/transcriptions` and `/audio/translations`: JSON, plain text, SRT or VTT, or a stream of deltas."""

    name: ClassVar[str] = "openai-transcriptions"
    operation: ClassVar[Operation] = Operation.TRANSCRIPTION

    def response(self, body: Any) -> None:
        self.take_error(body)
        self._finish(body)

    def event(self, name: str, data: Any) -> None:
        kind = json_text.text(data, "type") or name
        if kind == "transcript.text.delta":
            self.exchange.choice().add_text(json_text.text(data, "delta"))
        elif kind == "transcript.text.done":
            self._finish(data)
        else:
            self.take_error(data, in_stream=True)

    def response_bytes(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").splitlines()
        if any(" --> " in line for line in lines):
            lines = [line for line in lines if line and not _CUE_LINE.match(line)]
        self.exchange.choice().add_text("\n".join(lines))

    def _finish(self, body: Any) -> None:
        choice = self.exchange.choice()
        repeated = bool(choice.texts)
        if text := json_text.text(body, "text"):
            choice.texts.clear()
            choice.add_text(text)
        if repeated:
            self.exchange.produced = False  # the deltas had their own times
        read_usage(self.exchange, json_text.at(body, "usage"))


class OpenAISpeech(_OpenAIMedia):
    """`/audio/speech`: text in, sound out (binary, or base64 in events)."""

    name: ClassVar[str] = "openai-speech"
    operation: ClassVar[Operation] = Operation.SPEECH

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._bytes = 0

    def event(self, name: str, data: Any) -> None:
        kind = json_text.text(data, "type") or name
        if kind == "speech.audio.delta":
            self._bytes += media.base64_bytes(json_text.text(data, "audio") or json_text.text(data, "delta"))
            self.exchange.produced = True
        elif kind == "speech.audio.done":
            read_usage(self.exchange, json_text.at(data, "usage"))
        else:
            self.take_error(data, in_stream=True)

    def response_bytes(self, data: bytes) -> None:
        self._bytes = self.call.response_size_bytes or len(data)

    def end(self) -> None:
        if self._bytes:
            mime_type = self.call.response_headers.get("content-type", "").partition(";")[0].strip().lower()
            known = mime_type if mime_type.startswith("audio/") else None
            self.exchange.choice().media.append(Media("audio", known, self._bytes))


class OpenAIImages(_OpenAIMedia):
    """`/images/generations`, `/edits`, `/variations`: a choice for each picture, with the prompt as it was revised."""

    name: ClassVar[str] = "openai-images"
    operation: ClassVar[Operation] = Operation.IMAGE

    def response(self, body: Any) -> None:
        self.take_error(body)
        for index, image in enumerate(json_text.objects(body, "data")):
            self._image(index, image, json_text.maybe_text(body, "output_format"))
        read_usage(self.exchange, json_text.at(body, "usage"))

    def event(self, name: str, data: Any) -> None:
        kind = json_text.text(data, "type") or name
        if kind.endswith(".completed"):
            self._image(len(self.exchange.choices), data, json_text.maybe_text(data, "output_format"))
            read_usage(self.exchange, json_text.at(data, "usage"))
        elif kind.endswith(".partial_image"):
            self.exchange.produced = True
        else:
            self.take_error(data, in_stream=True)

    def _image(self, index: int, image: Any, format_: str | None) -> None:
        choice = self.exchange.choice(index)
        choice.add_text(json_text.text(image, "revised_prompt"))
        mime_type = f"image/{format_}" if format_ else None
        choice.media.append(media.of_base64(mime_type, json_text.at(image, "b64_json"), "image"))
        self.exchange.produced = True


def _files(body: Any) -> tuple[Media, ...]:
    """Return the uploaded files of a form, or the referenced ones of a JSON request."""
    values = [
        item for value in json_text.obj(body).values() for item in (value if isinstance(value, list) else [value])
    ]
    files = [value for value in values if isinstance(value, File)]
    return tuple(Media(media.kind_of(file.mime_type), file.mime_type, file.size_bytes) for file in files)
