"""Known calls that generate nothing: models, files, batches, stored conversations, rerank, tokenise, health, metrics.

What a client sends may hold text that is worth watching (stored messages, rerank queries), so it is collected; answers
are listings and are not.
"""

from typing import Any, ClassVar

from sidecar.wire import json_text
from sidecar.wire.exchange import Operation
from sidecar.wire.unknown import Unknown


class Auxiliary(Unknown):
    """Collects the texts of requests, and errors."""

    name: ClassVar[str] = "auxiliary"
    operation: ClassVar[Operation] = Operation.OTHER

    def request(self, body: Any) -> None:
        super().request(body)
        self.exchange.request_model = json_text.maybe_text(body, "model") or json_text.maybe_text(body, "name")

    def response(self, body: Any) -> None:
        """Pass over the answer."""

    def response_bytes(self, data: bytes) -> None:
        """Pass over the answer."""

    def piece(self, name: str, data: bytes) -> None:
        """Pass over the answer (Ollama streams the progress of a pull for minutes)."""
