"""Legacy text completions and fill-in-the-middle: OpenAI, vLLM, DeepSeek, Mistral FIM, and llama.cpp's own shape.

*Sources*: https://platform.openai.com/docs/api-reference/completions; llama.cpp tools/server/README.md (`/completion`,
`/infill`). Mistral's FIM answers in the chat shape, so the choices are read as chat choices, which may have `text`.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.openai_chat import OpenAIChat

PARAMETERS: Final = ("best_of", "echo", "n_predict", "min_tokens", "random_seed", "grammar", "json_schema")
_PROMPTS: Final = ("prompt", "input_prefix", "suffix", "input_suffix")  # the text around a hole is prompt too


class OpenAICompletions(OpenAIChat):
    """Reads `/completions`, `/fim/completions`, `/completion` and `/infill`."""

    name: ClassVar[str] = "openai-completions"
    operation: ClassVar[Operation] = Operation.TEXT_COMPLETION

    def request(self, body: Any) -> None:
        self.read_settings(body)
        self.exchange.add_parameters(body, *PARAMETERS)
        for name in _PROMPTS:
            for prompt in read_prompts(json_text.at(body, name)):
                self.exchange.add_message(Message(Role.USER, prompt))

    def response(self, body: Any) -> None:
        super().response(body)
        if isinstance(body, dict) and "choices" not in body and isinstance(body.get("content"), str):
            self._llama(body)

    def _llama(self, body: dict[str, Any]) -> None:
        choice = self.exchange.choice(json_text.count(body, "index"))
        choice.add_text(body["content"])
        self.exchange.provider = "llama.cpp" if self.exchange.provider == self.provider else self.exchange.provider
        if json_text.flag(body, "stop"):
            choice.finish_reason = json_text.maybe_text(body, "stop_type") or "stop"
            self.exchange.set_usage(
                input=json_text.count(body, "tokens_evaluated"), output=json_text.count(body, "tokens_predicted")
            )


def read_prompts(value: Any) -> list[str]:
    """Return the prompts of a string or a list of strings; token ids have no text."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
