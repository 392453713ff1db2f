"""Credentials out of heads and targets before anything is handed over: they exist nowhere outside the forwarding path.

By name, because a name says what a value is for; and by form, for values that name themselves (`Bearer ...`). Rather
one header too many than one too few: the observer needs models, labels and request ids, never a secret.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote_plus

from sidecar.channel import encode

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
# A name holds no beginning of another parameter, and nothing is tried twice: linear, whatever a client sends.
_PARAMETER: Final = re.compile(r"([?&;#])([^=?&;#]*+)=([^&;#]*+)")
_SUBPROTOCOLS: Final = "sec-websocket-protocol"
_KEY_ENTRY: Final = re.compile(r"(?:api[-_]?key|token|bearer|auth|secret|jwt)", re.IGNORECASE)
_USER: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@]*@")
# The server's own words about itself: no client's secret can stand there, so the value need not be looked at.
_HARMLESS: Final = re.compile(
    r"content-(?:length|type|encoding)|date|server|vary|age|etag|host|accept(?:-[a-z]+)?|user-agent|connection|transfer-encoding"
    r"|x-request-id|request-id|cf-ray|cf-cache-status|(?:x|anthropic)-ratelimit-[a-z-]+|openai-(?:processing-ms|version)"
    r"|x-envoy-upstream-service-time|x-stainless-[a-z-]+|anthropic-version"
)
# Lines that come again and again are shown once. Only under these names, which hold no credential and have few values;
# what a client can make the memory grow to is bounded in lines, in lines of a name and in bytes of a line.
_RECURRING = re.compile(
    r"host|connection|content-type|content-encoding|transfer-encoding|user-agent|server|vary|via|alt-svc|cache-control"
    r"|pragma|expect|keep-alive|priority|origin|strict-transport-security|x-content-type-options|cf-cache-status"
    r"|openai-(?:version|organization|project|beta)|anthropic-(?:version|beta|dangerous-direct-browser-access)"
    r"|(?:accept|x-stainless|access-control|sec-fetch|x-ratelimit-limit)(?:-[a-z-]+)?"
)
_LINES: Final = 4096
_LINES_OF_A_NAME: Final = 64
_LINE_BYTES: Final = 256
_PAIR: Final = b"\x92"  # MessagePack: an array of two
_SHORT_TEXT: Final = [bytes([0xA0 | size]) for size in range(32)]  # MessagePack: the head of a text of so many bytes
_NAMES_KNOWN: Final = 1024  # spellings remembered

_Clean = Callable[[str], str]


class Redactor:
    """What is removed, with the configured names beside the built-in ones."""

    def __init__(self, headers: Iterable[str] = (), parameters: Iterable[str] = ()) -> None:
        self._names = _NAMES | {name.lower() for name in headers}
        self._parameters = _PARAMETERS | {name.lower() for name in parameters}
        self._known: dict[bytes, tuple[bytes, _Clean | None, bool]] = {}
        self._recurring: dict[bytes, bytes] = {}
        self._counts: dict[bytes, int] = {}

    def fields(self, lines: Iterable[bytes]) -> list[bytes]:
        """Return field lines, in order, each as the encoding (MessagePack) of a pair of texts, secrets replaced."""
        recurring = self._recurring
        return [recurring.get(line) or self._show(line) for line in lines]

    def start(self, name: bytes) -> bytes:
        """Return the encoded beginning of a pair: the name."""
        return (self._known.get(name) or self._learn(name))[0]

    def _show(self, line: bytes) -> bytes:
        name, _, value = line.partition(b":")
        start, clean, recurs = self._known.get(name) or self._learn(name)
        value = value.strip(b" \t")
        if clean is None and len(value) < 32 and value.isascii():
            shown = start + _SHORT_TEXT[len(value)] + value
        else:
            text = value.decode("latin-1")
            shown = start + encode(text if clean is None else clean(text))
        if recurs and len(self._recurring) < _LINES and len(line) <= _LINE_BYTES:
            self._remember(name, line, shown)
        return shown

    def _remember(self, name: bytes, line: bytes, shown: bytes) -> None:
        count = self._counts[name] = self._counts.get(name, 0) + 1
        if count <= _LINES_OF_A_NAME:
            self._recurring[line] = shown

    def target(self, target: bytes) -> str:
        """Return a request target as text, each secret of its query replaced."""
        return self._url(target.decode("latin-1"))

    def _learn(self, name: bytes) -> tuple[bytes, _Clean | None, bool]:
        """Return how fields of this name are shown: the beginning of the pair, its cleaner, whether it recurs."""
        text = name.decode("latin-1")
        lower = text.lower()
        clean: _Clean | None = self._value
        if lower in self._names or _SECRET_NAME.search(lower):
            clean = _all
        elif lower == _SUBPROTOCOLS:
            clean = _subprotocols
        elif _HARMLESS.fullmatch(lower):
            clean = None
        known = _PAIR + encode(text), clean, clean is not _all and _RECURRING.fullmatch(lower) is not None
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
