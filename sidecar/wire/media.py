"""Summaries of the parts of a message that are not text: kind, type and size, never the bytes."""

from typing import Any, Final

from sidecar.wire.exchange import Media

_PADDING_SCANNED: Final = 4


def of_base64(mime_type: str | None, data: Any, kind: str | None = None) -> Media:
    """Return the summary of base64 `data`; the kind follows from the type where it is not given."""
    size = base64_bytes(data) if isinstance(data, str) else None
    return Media(kind or kind_of(mime_type), mime_type, size)


def of_url(url: str, kind: str, mime_type: str | None = None) -> Media:
    """Return the summary of what a URL refers to; a `data:` URL holds its type and bytes itself."""
    if not url.startswith("data:"):
        return Media(kind, mime_type)
    head, _, data = url.partition(",")
    return of_base64(head[5:].partition(";")[0] or mime_type, data, kind)


def base64_bytes(text: str) -> int:
    """Return how many bytes base64 `text` stands for, without decoding it."""
    padding = text[-_PADDING_SCANNED:].count("=")
    return max((len(text) - padding) * 3 // 4, 0)


def kind_of(mime_type: str | None) -> str:
    """Return image, audio, video or document."""
    kind = (mime_type or "").partition("/")[0].lower()
    return kind if kind in ("image", "audio", "video") else "document"
