"""Which wire format an exchange speaks: by the end of its raw path, else by what its bodies hold.

Hosts and headers have no say: one path is served by a dozen vendors, content types are often wrong. Paths that
several formats share (`/generate`, `/invocations`, `/v1/chat`) are not in the table, so that content decides.
"""

import re
from typing import Any, Final

_MARK_BYTES: Final = 8192  # of a response, in which a mark has to be


def by_path(path: str) -> str | None:
    """Return the format whose paths end like `path` (raw, without the query), or None."""
    ending = path.rstrip("/") or "/"
    for pattern, name in PATHS:
        if pattern.search(ending):
            return name
    return None


def by_request(body: Any, path: str = "") -> str | None:
    """Return the format that a parsed request body looks like, or None; the first rule whose keys are all there.

    A rule with a path ending applies only where `path` ends so.
    """
    if not isinstance(body, dict):
        return None
    ending = path.rstrip("/")
    for keys, wanted_ending, name in REQUEST_KEYS:
        if ending.endswith(wanted_ending) and all(key in body for key in keys):
            return name
    return None


def by_response(data: bytes) -> str | None:
    """Return the format whose mark is in the first bytes of a response, or None."""
    for pattern, name in RESPONSE_MARKS:
        if pattern.search(data, 0, _MARK_BYTES):
            return name
    return None


PATHS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"/v1/organizations?/|/chatkit/", "auxiliary"),  # administration, whose ends look like calls
        (r"/sessions/[^/]+/threads(?:/|$)|/automations(?:/|$)", "unknown"),  # agents that a provider runs
        (r"BidiGenerateContent(?:Constrained)?$", "gemini-live"),
        (r"/interactions(?:/[^/]+(?:/cancel)?)?$", "gemini-interactions"),
        (r"/conversations(?:/[^/]+(?:/(?:restart|history|messages))?)?$", "conversations"),
        (r"/publishers/anthropic/models/[^/]+(?::|%3A)(?:streamR|r)awPredict$", "anthropic"),
        (r"/publishers/[^/]+/models/[^/]+(?::|%3A)(?:streamR|r)awPredict$", "openai-chat"),
        (
            r"(?::|%3A)(?:generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents|predict)$",
            "gemini",
        ),
        (r"/model/[^/]+/(?:converse(?:-stream)?|count-tokens)$", "bedrock-converse"),
        (r"/model/[^/]+/invoke(?:-with-response-stream)?$", "bedrock-invoke"),
        (r"/endpoints/[^/]+/invocations(?:-response-stream)?$", "sagemaker"),
        (r"/invocations$", "sagemaker"),
        (r"/(?:chat|agents)/completions(?:/[^/]+)?(?:/messages)?$", "openai-chat"),  # agents: Mistral's
        (r"/completions?$|/infill$", "openai-completions"),
        (r"/responses(?:/[^/]+(?:/(?:cancel|input_items))?)?$", "openai-responses"),
        (r"/api/(?:chat|generate|embed|embeddings)$", "ollama"),
        (r"/embeddings$", "openai-embeddings"),
        (r"/moderations$", "openai-moderations"),
        (r"/audio/(?:transcriptions|translations)$", "openai-transcriptions"),
        (r"/audio/speech$", "openai-speech"),
        (r"/images/(?:generations|edits|variations)$", "openai-images"),
        (r"/threads(?:/|$)|/assistants(?:/|$)", "openai-assistants"),
        (r"/realtime(?:/translations)?$", "openai-realtime"),
        (r"/messages(?:/count_tokens|/batches(?:/[^/]+(?:/results)?)?)?$", "anthropic"),
        (r"/v1/complete$", "anthropic-complete"),
        (r"/v2/chat$", "cohere"),
        (r"/v[12]/embed$", "cohere-embed"),
        (r"/generate_stream$", "tgi"),
        (
            r"/models(?:/[^/]+)?$|/(?:files|uploads|batches|batch/jobs|vector_stores|conversations|fine_tuning|containers"
            r"|evals|videos|skills|cachedContents)(?:/.*)?$"
            r"|(?::|%3A)(?:batchGenerateContent|asyncBatchEmbedContent|predictLongRunning)$"
            r"|/realtime/(?:sessions|client_secrets|transcription_sessions|calls)(?:/.*)?$"
            r"|/(?:rerank|score|classify|classifications|pooling|tokenize|detokenize|apply-template|props|slots|health|healthz|ping|metrics|version|info|load"
            r"|get_model_info|get_server_info|server_info|is_sleeping)$"
            r"|/api/(?:tags|show|ps|version|pull|push|create|copy|delete|blobs/.*)$",
            "auxiliary",
        ),
    )
)

REQUEST_KEYS: Final = (  # keys, path ending, format
    (("contents",), "", "gemini"),
    (("anthropic_version",), "", "anthropic"),
    (("messages", "inferenceConfig"), "", "bedrock-converse"),
    (("messages", "max_tokens", "system"), "", "anthropic"),
    (("messages",), "", "openai-chat"),
    (("model", "input", "encoding_format"), "", "openai-embeddings"),
    (("model", "input"), "", "openai-responses"),
    (("message", "chat_history"), "", "cohere-v1"),
    (("message",), "/chat", "cohere-v1"),
    (("prompt",), "/v1/generate", "cohere-v1"),
    (("inputs",), "", "tgi"),
    (("text", "sampling_params"), "", "sglang"),
    (("input_ids",), "", "sglang"),
    (("text",), "/generate", "sglang"),
    (("model", "prompt"), "", "openai-completions"),
)

RESPONSE_MARKS: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rb'"object"\s*:\s*"chat\.completion(?:\.chunk)?"', "openai-chat"),
        (rb'"object"\s*:\s*"text_completion"', "openai-completions"),
        (rb'"object"\s*:\s*"response"', "openai-responses"),
        (rb'"object"\s*:\s*"thread\.run', "openai-assistants"),
        (rb'"type"\s*:\s*"message_start"|"type"\s*:\s*"message"\s*,\s*"role"', "anthropic"),
        (rb'"candidates"\s*:\s*\[|"usageMetadata"\s*:', "gemini"),
        (rb'"stopReason"\s*:', "bedrock-converse"),
        (rb'"meta_info"\s*:', "sglang"),
        (rb'"generated_text"\s*:', "tgi"),
        (rb'"event_type"\s*:', "cohere-v1"),
        (rb'"done"\s*:\s*(?:true|false)', "ollama"),
    )
)
