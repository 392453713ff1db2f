"""Credentials out of heads and targets before anything is handed over: they exist nowhere outside the forwarding path.

By name, because a name says what a value is for; and by form, for values that name themselves (`Bearer ...`). Rather
one header too many than one too few: the observer needs models, labels and request ids, never a secret.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from sidecar.channel import encode
from sidecar.proxy.head import Field

REDACTED: Final = "[redacted]"
_NAMES: Final = frozenset(
    """authorization proxy-authorization x-api-key api-key x-goog-api-key cookie set-cookie set-cookie2
    x-amz-security-token x-goog-iam-authorization-token x-serverless-authorization ocp-apim-subscription-key
    x-functions-key x-auth-token x-access-token x-csrf-token x-xsrf-token authentication-info
    proxy-authentication-info x-amz-content-sha256-signature cf-access-jwt-assertion x-ms-token-aad-access-token
    x-forwarded-access-token x-forwarded-client-cert x-vault-token x-goog-authenticated-user-jwt""".split()  # noqa: SIM905
)
_SECRET_NAME: Final = re.compile(
    r"(?:^|[-_.])(?:api[-_.]?keys?|apikeys?|secrets?|passwords?|passwd|credentials?|signature|jwt|private[-_.]?key|"
    r"authorization|cookies?|(?:auth|access|session|id|refresh|bearer|security|csrf|api)[-_.]?tokens?)(?:$|[-_.])"
)
_SECRET_VALUE: Final = re.compile(
    r"(?:Bearer|Basic|Digest|Negotiate|Token|ApiKey|AWS4-HMAC-SHA256) "
    r"|(?:sk|pk|rk|gsk|hf|xai|pplx|r8)[-_][A-Za-z0-9_-]{16}",
    re.IGNORECASE,
)
_PARAMETERS: Final = frozenset(
    """key api_key apikey api-key access_token token auth_token id_token refresh_token subscription-key
    client_secret password passwd secret sig signature code jwt auth authorization
    x-amz-signature x-amz-credential x-amz-security-token x-goog-signature x-goog-credential
    awsaccesskeyid googleaccessid""".split()  # noqa: SIM905
)
_PARAMETER: Final = re.compile(r"([?&;#])([^=&;#]*)=([^&;#]*)")
_SUBPROTOCOLS: Final = "sec-websocket-protocol"
_KEY_ENTRY: Final = re.compile(r"(?:api[-_]?key|token|bearer|auth|secret|jwt)", re.IGNORECASE)
_USER: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@]*@")
# The server's own words about itself: no client's secret can stand there, so the value need not be looked at.
_HARMLESS: Final = re.compile(
    r"content-(?:length|type|encoding)|date|server|vary|age|etag|host|accept(?:-[a-z]+)?|user-agent|connection|transfer-encoding"
    r"|x-request-id|request-id|cf-ray|cf-cache-status|(?:x|anthropic)-ratelimit-[a-z-]+|openai-(?:processing-ms|version)"
    r"|x-envoy-upstream-service-time|x-stainless-[a-z-]+|anthropic-version"
)
_PAIR: Final = b"\x92"  # MessagePack: an array of two
_SHORT_TEXT: Final = [bytes([0xA0 | size]) for size in range(32)]  # MessagePack: the head of a text of so many bytes
_NAMES_KNOWN: Final = 1024  # spellings remembered

_Clean = Callable[[str], str]


class Redactor:
    """What is removed, with the configured names beside the built-in ones."""

    def __init__(self, headers: Iterable[str] = (), parameters: Iterable[str] = ()) -> None:
        self._names = _NAMES | {name.lower() for name in headers}
        self._parameters = _PARAMETERS | {name.lower() for name in parameters}
        self._known: dict[bytes, tuple[bytes, _Clean | None]] = {}

    def fields(self, fields: list[Field]) -> list[tuple[str, str]]:
        """Return header fields as pairs of text, in order, each secret replaced; a pair is encoded already."""
        out: list[Any] = []
        for field in fields:
            shown = field.shown
            if shown is None or shown[0] is not self:
                shown = field.shown = self, self._show(field)
            out.append(shown[1])
        return out

    def _show(self, field: Field) -> msgspec.Raw:
        start, clean = self._known.get(field.name) or self._learn(field.name)
        value = field.value
        if clean is None and len(value) < 32 and value.isascii():
            return msgspec.Raw(start + _SHORT_TEXT[len(value)] + value)
        text = value.decode("latin-1")
        return msgspec.Raw(start + encode(text if clean is None else clean(text)))

    def target(self, target: bytes) -> str:
        """Return a request target as text, each secret of its query replaced."""
        return self._url(target.decode("latin-1"))

    def _learn(self, name: bytes) -> tuple[bytes, _Clean | None]:
        """Return how fields of this name are shown: the encoded beginning of the pair, and what cleans the value."""
        text = name.decode("latin-1")
        lower = text.lower()
        clean: _Clean | None = self._value
        if lower in self._names or _SECRET_NAME.search(lower):
            clean = _all
        elif lower == _SUBPROTOCOLS:
            clean = _subprotocols
        elif _HARMLESS.fullmatch(lower):
            clean = None
        known = _PAIR + encode(text), clean
        if len(self._known) < _NAMES_KNOWN:
            self._known[name] = known
        return known

    def _value(self, value: str) -> str:
        """A header of harmless name may still carry a secret: a token that shows its form, or a URL with one."""
        if value.isdigit():
            return value
        if _SECRET_VALUE.match(value):
            return REDACTED
        return self._url(value) if "=" in value or "@" in value else value

    def _url(self, text: str) -> str:
        if "@" in text:
            text = _USER.sub(rf"\1{REDACTED}@", text)
        return _PARAMETER.sub(self._parameter, text) if "=" in text else text

    def _parameter(self, match: re.Match[str]) -> str:
        name = unquote_plus(match[2]).lower()
        if name in self._parameters or _SECRET_NAME.search(name):
            return f"{match[1]}{match[2]}={REDACTED}"
        return match[0]


def _all(_: str) -> str:
    return REDACTED


def _subprotocols(value: str) -> str:
    """Browsers cannot set headers, so APIs take keys here: `openai-insecure-api-key.sk-...`."""
    entries = (entry.strip() for entry in value.split(","))
    return ", ".join(REDACTED if _KEY_ENTRY.search(e) or _SECRET_VALUE.match(e) else e for e in entries)
