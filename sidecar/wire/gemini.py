"""Google Gemini and Vertex AI: generateContent and its streams, embeddings, token counts.

*Source*: https://ai.google.dev/api/generate-content. A streamed piece is a whole response object with partial parts, so
one reader serves both. The verb in the path tells the operation.
"""

import re
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from sidecar.wire import json_text, media
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.gemini_content import read_contents, read_counts, read_parts, read_prompt
from sidecar.wire.gemini_names import field

_PATH: Final = re.compile(
    r"/(?:(?:models|publishers/[^/]+/models)/([^/]+?)|((?:tunedModels|endpoints)/[^/]+?))(?::|%3A)(\w+)$"
)
_OPERATIONS: Final = {
    "counttokens": Operation.COUNT_TOKENS,
    "embedcontent": Operation.EMBEDDINGS,
    "batchembedcontents": Operation.EMBEDDINGS,
    "predict": Operation.EMBEDDINGS,
}


class Gemini(Decoder):
    """`models/{model}:{verb}` in all its mounts; the verb tells the operation, path or body the model."""

    name: ClassVar[str] = "gemini"
    provider: ClassVar[str] = "gcp.gemini"
    operation: ClassVar[Operation] = Operation.GENERATE_CONTENT
    streams_array: ClassVar[bool] = True

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        found = _PATH.search(call.path.rstrip("/"))
        model, other, verb = found.groups() if found else (None, None, "")
        self._verb = verb.lower()
        self._finished = self._streaming = False
        self.exchange.request_model = unquote(model or other or "") or None
        self.exchange.operation = _OPERATIONS.get(self._verb, self.exchange.operation)
        if self._verb == "predict" and (model or "").startswith("image"):  # imagen-*, imagegeneration
            self.exchange.operation = Operation.IMAGE

    def request(self, body: Any) -> None:
        self.exchange.stream = self._verb.startswith("stream")
        self._set_model(json_text.maybe_text(body, "model"))
        read_prompt(self.exchange, body)
        read_prompt(self.exchange, field(body, "generateContentRequest"))
        for each in (body, *json_text.objects(body, "requests")):
            read_contents(self.exchange, json_text.at(each, "content"))
            self._set_model(json_text.maybe_text(each, "model"))
        for instance in json_text.objects(body, "instances"):
            text = json_text.text(instance, "content") or json_text.text(instance, "prompt")
            self.exchange.add_message(Message(Role.USER, text))

    def _set_model(self, model: str | None) -> None:
        if self.exchange.request_model is None and model:
            self.exchange.request_model = model.removeprefix("models/")

    def response(self, body: Any) -> None:
        self.take_error(body, in_stream=self._streaming)
        if self.exchange.operation is Operation.EMBEDDINGS:
            return self._embeddings(body)
        if self.exchange.operation is Operation.GENERATE_CONTENT:
            self._generated(body)
        elif self.exchange.operation is Operation.IMAGE:
            for index, picture in enumerate(json_text.objects(body, "predictions")):
                mime_type = json_text.maybe_text(picture, "mimeType")
                found = media.of_base64(mime_type, picture.get("bytesBase64Encoded"), "image")
                self.exchange.choice(index).media.append(found)
        elif self.exchange.operation is Operation.COUNT_TOKENS:
            self.exchange.set_usage(input=json_text.count(field(body, "totalTokens")))
        return None

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        self._streaming = True
        self.response(data)

    def _generated(self, body: Any) -> None:
        self.exchange.response_model = json_text.maybe_text(field(body, "modelVersion")) or self.exchange.response_model
        self.exchange.response_id = json_text.maybe_text(field(body, "responseId")) or self.exchange.response_id
        for candidate in json_text.objects(body, "candidates"):
            self._candidate(candidate)
        feedback = field(body, "promptFeedback")
        blocked = json_text.maybe_text(field(feedback, "blockReason"))
        if blocked:
            self._blocked(blocked, json_text.text(field(feedback, "blockReasonMessage")))
        counted = read_counts(field(body, "usageMetadata"), "candidatesTokenCount")
        if counted:  # cumulative: the last one wins
            self.exchange.set_usage(**counted)

    def _candidate(self, candidate: dict[str, Any]) -> None:
        choice = self.exchange.choice(json_text.count(candidate, "index"))
        read_parts(choice, json_text.at(candidate, "content"))
        for token in json_text.objects(field(field(candidate, "logprobsResult"), "chosenCandidates")):
            choice.add_logprob(json_text.number(field(token, "logProbability")))
        reason = json_text.maybe_text(field(candidate, "finishReason"))
        if reason:
            choice.finish_reason, self._finished = reason, True

    def _blocked(self, reason: str, message: str) -> None:
        choice = self.exchange.choice()
        choice.finish_reason, self._finished = reason, True
        choice.add_refusal(message)

    def _embeddings(self, body: Any) -> None:
        tokens = json_text.count(field(body, "usageMetadata"), "promptTokenCount")
        for prediction in json_text.objects(body, "predictions"):
            counted = json_text.count(prediction, "embeddings", "statistics", "token_count")
            tokens = tokens if counted is None else (tokens or 0) + counted
        self.exchange.set_usage(input=tokens)

    def end(self) -> None:
        if self._streaming and not self._finished:
            self.exchange.complete = False
