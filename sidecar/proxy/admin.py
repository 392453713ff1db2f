"""The admin port's own pages: whether this process lives and takes traffic. Every other page is the observer's."""

import json
from collections.abc import Callable
from typing import Final

from sidecar.proxy.request_head import RequestHead
from sidecar.proxy.routes import Destination, destination
from sidecar.settings import Route, Timeouts

PAGE_SECONDS: Final = 30.0  # the observer may be busy; a scraper gives up sooner


def observer_pages(socket_path: str) -> Destination:
    """Return the way to the observer's pages, on its Unix socket."""
    patience = Timeouts(connect_seconds=2.0, first_byte_seconds=PAGE_SECONDS, idle_seconds=PAGE_SECONDS)
    return destination(Route(name="admin", upstream=f"unix:{socket_path}", timeouts=patience))


def probe_pages(ready: Callable[[], bool], observer_up: Callable[[], bool]) -> Callable[[RequestHead], bytes | None]:
    """Return the pages /healthz and /readyz; neither depends on the observer, /readyz tells of it."""

    def page(head: RequestHead) -> bytes | None:
        path = head.target.partition(b"?")[0]
        if path == b"/healthz":
            return _answer(head, b"200 OK", {"status": "alive"})
        if path == b"/readyz":
            observer = "up" if observer_up() else "down"
            if ready():
                return _answer(head, b"200 OK", {"status": "ready", "observer": observer})
            return _answer(head, b"503 Service Unavailable", {"status": "draining", "observer": observer})
        return None

    return page


def _answer(head: RequestHead, status: bytes, content: dict[str, str]) -> bytes:
    body = json.dumps(content).encode() + b"\n"
    start = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return start if head.method == b"HEAD" else start + body
