"""`multipart/form-data`: the fields as text, the files summarised by type and size (RFC 7578)."""

import re
from dataclasses import dataclass
from typing import Any, Final

MAX_PARTS: Final = 256
MAX_FIELD_BYTES: Final = 1024 * 1024
_START: Final = re.compile(rb"\s*--([^\r\n]{1,200}?)[ \t]*\r?\n(?=[!-9;-~]+:|\r?\n)")
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]+))')


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file, never its bytes."""

    filename: str
    mime_type: str | None
    size_bytes: int


def looks_multipart(data: bytes) -> bool:
    """Return whether the body begins like a form: a boundary line, then a part's headers."""
    return _START.match(data) is not None


def parse(head: bytes, tail: bytes = b"", hole_bytes: int = 0) -> dict[str, Any]:
    """Return the form as {name: text | File}, repeated names as lists of them.

    `tail` follows `hole_bytes` that were not kept; they count in the size of the file they belong to.
    """
    start = _START.match(head)
    form: dict[str, Any] = {}
    if start is None:
        return form
    data = head + tail
    border = re.compile(rb"\r?\n--" + re.escape(start.group(1)) + rb"(?:--)?[ \t]*(?:\r?\n|\Z)")
    at, hole_at = start.end(), len(head)
    for _ in range(MAX_PARTS):
        found = border.search(data, at)
        end = found.start() if found else len(data)
        holed = hole_bytes if at <= hole_at <= end else 0
        _add(form, data[at:end], holed)
        if found is None or found.group().rstrip().endswith(start.group(1) + b"--"):
            break
        at = found.end()
    return form


def _add(form: dict[str, Any], part: bytes, hole_bytes: int) -> None:
    start = _content_start(part)
    if start is None:
        return  # cut inside its headers
    disposition, mime_type = _headers(part[:start])
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(disposition)}
    name = parameters.get("name")
    if not name:
        return
    if "filename" in parameters or "filename*" in parameters:
        value: str | File = File(parameters.get("filename", ""), mime_type, len(part) - start + hole_bytes)
    else:
        value = part[start : start + MAX_FIELD_BYTES].decode("utf-8", "replace")
    if name in form:
        known = form[name]
        form[name] = [*known, value] if isinstance(known, list) else [known, value]
    else:
        form[name] = value


def _content_start(part: bytes) -> int | None:
    found = re.search(rb"\r?\n\r?\n|\A\r?\n", part)
    return found.end() if found else None


def _headers(text: bytes) -> tuple[str, str | None]:
    """Return a part's Content-Disposition and its media type."""
    disposition, mime_type = "", None
    for line in text.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            disposition = value.strip()
        elif name.strip().lower() == "content-type":
            mime_type = value.partition(";")[0].strip() or None
    return disposition, mime_type
