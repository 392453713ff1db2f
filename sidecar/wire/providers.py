"""Who answers: `gen_ai.provider.name` from the upstream's host, the path or marks in the body.

Names are OpenTelemetry's well-known values where there is one
(https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/), else the company's in lower case.
"""

import re
from collections.abc import Mapping
from typing import Any, Final


def of_host(host: str | None) -> str | None:
    """Return the provider that serves `host` (a name, perhaps with a port), or None where it does not tell."""
    name = (host or "").lower().rsplit("@", 1)[-1].partition(":")[0].rstrip(".")
    for suffix, provider in HOSTS:
        if name == suffix or name.endswith("." + suffix):
            return provider
    if name.endswith("-aiplatform.googleapis.com"):  # a region before it
        return "gcp.vertex_ai"
    return "aws.bedrock" if _BEDROCK.search(name) else None


def of_path(path: str) -> str | None:
    """Return the provider whose paths look like `path`, or None."""
    for pattern, provider in PATHS:
        if pattern.search(path):
            return provider
    return None


def of_headers(path: str, headers: Mapping[str, str]) -> str | None:
    """Return the provider whose gateway leaves its mark in a response's headers (lower-case names), or None."""
    if "apim-request-id" not in headers:  # Azure's API management
        return None
    return "azure.ai.openai" if "/openai/" in path else "azure.ai.inference"


def of_body(body: Any) -> str | None:
    """Return the provider or server that leaves its mark in an OpenAI-like response object, or None."""
    if not isinstance(body, dict):
        return None
    if not BODY_KEYS.keys().isdisjoint(body):
        return next(provider for key, provider in BODY_KEYS.items() if key in body)
    fingerprint = body.get("system_fingerprint")
    return "ollama" if fingerprint == "fp_ollama" else None


# bedrock-runtime.REGION, -fips, behind a VPC endpoint, in China; bedrock-mantle.REGION.api.aws
_BEDROCK: Final = re.compile(
    r"(?:^|\.)bedrock-(?:runtime|mantle)[a-z-]*\.[a-z0-9-]+\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$"
)
HOSTS: Final = (
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("deepseek.com", "deepseek"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("perplexity.ai", "perplexity"),
    ("x.ai", "x_ai"),
    ("ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("openrouter.ai", "openrouter"),
    ("together.xyz", "together_ai"),
    ("together.ai", "together_ai"),
    ("fireworks.ai", "fireworks_ai"),
    ("cerebras.ai", "cerebras"),
    ("moonshot.ai", "moonshot_ai"),
    ("moonshot.cn", "moonshot_ai"),
    ("ollama.com", "ollama"),
    ("huggingface.co", "hugging_face"),
    ("huggingface.cloud", "hugging_face"),
)

PATHS: Final = (
    (re.compile(r"/openai/deployments/|/openai/realtime$"), "azure.ai.openai"),
    (re.compile(r"/projects/[^/]+/locations/[^/]+/"), "gcp.vertex_ai"),
    (re.compile(r"/model/[^/]+/(?:converse|invoke)(?:-|$)"), "aws.bedrock"),
    (re.compile(r"/v1beta/openai/"), "gcp.gemini"),
    (re.compile(r"/anthropic/v1/messages"), "anthropic"),
)

BODY_KEYS: Final = {
    "prompt_filter_results": "azure.ai.openai",
    "x_groq": "groq",
    "native_finish_reason": "openrouter",
    "search_results": "perplexity",
    "kv_transfer_params": "vllm",
    "prompt_logprobs": "vllm",
    "timings": "llama.cpp",
}
