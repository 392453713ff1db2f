"""Amazon SageMaker endpoints (and MLflow's and Databricks' `/invocations`): another format's body inside.

*Source*: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html.
What the request holds, else what the answer holds, tells whose body it is. A `PayloadPart` is raw bytes, cut anywhere:
often the server-sent events or JSON lines of TGI or vLLM.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, recognise
from sidecar.wire.anthropic import Anthropic
from sidecar.wire.bedrock import BedrockConverse, read_error_header
from sidecar.wire.bedrock_invoke import Prompted
from sidecar.wire.cohere_v1 import CohereV1
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Operation
from sidecar.wire.framing import Framing
from sidecar.wire.ndjson import LineReader
from sidecar.wire.openai_chat import OpenAIChat
from sidecar.wire.openai_completions import OpenAICompletions
from sidecar.wire.sglang import SgLang
from sidecar.wire.sse import SseReader
from sidecar.wire.tgi import Tgi


class SageMaker(Decoder):
    """`/endpoints/{name}/invocations`, `…-response-stream` and `/invocations`."""

    name: ClassVar[str] = "sagemaker"
    provider: ClassVar[str] = "aws.sagemaker"
    operation: ClassVar[Operation] = Operation.OTHER

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._inside: Decoder | None = None
        self._framing: Framing | None = None

    def _inner(self, body: Any, data: bytes = b"") -> Decoder:
        """Return the decoder of the body inside, which writes into this exchange."""
        if self._inside is None:
            name = recognise.by_request(body) or recognise.by_response(data)
            self._inside = _INSIDE.get(name, Prompted)(self.call)
            self.exchange.operation = self._inside.exchange.operation
            self._inside.exchange = self.exchange
        return self._inside

    def request(self, body: Any) -> None:
        self._inner(body).request(body)

    def response(self, body: Any) -> None:
        self._inner(None, json_text.dump(body).encode("utf-8", "replace")).response(body)

    def event(self, name: str, data: Any) -> None:
        self._inner(data).event(name, data)

    def piece(self, name: str, data: bytes) -> None:
        """Take the bytes of a `PayloadPart` apart; a stream that is none of AWS's is the inner format's own."""
        if name != "PayloadPart":
            return super().piece(name, data)
        if self._framing is None and data.strip():
            self._framing = LineReader() if data.lstrip().startswith((b"{", b"[")) else SseReader()
        for each in self._framing.feed(data) if self._framing else ():
            self._give(each.name, each.data)
        return None

    def _give(self, name: str, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self._inner(None).done = True
        else:
            self._inner(None, data).piece(name, data)

    def error(self, body: Any) -> None:
        super().error(body)
        read_error_header(self)

    def end(self) -> None:
        for each in self._framing.eof() if self._framing else ():
            self._give(each.name, each.data)
        if self._framing and self._framing.flaw:
            self.exchange.fail_decoding(self._framing.flaw)
        if self._inside:
            self._inside.end()


_INSIDE: Final[dict[str | None, type[Decoder]]] = {
    "anthropic": Anthropic,
    "bedrock-converse": BedrockConverse,
    "cohere-v1": CohereV1,
    "openai-chat": OpenAIChat,
    "openai-completions": OpenAICompletions,
    "sglang": SgLang,
    "tgi": Tgi,
}
