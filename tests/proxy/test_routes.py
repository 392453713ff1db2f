import pytest

from sidecar.proxy.request_head import read_request
from sidecar.proxy.routes import RouteError, Router, destination
from sidecar.settings import Route


def routed(routes: list[Route], target: str, host: str = "app") -> tuple[str, bytes] | None:
    head = read_request(f"GET {target} HTTP/1.1\r\nHost: {host}".encode())
    found = Router([destination(route) for route in routes]).find(head)
    return (found.name, found.render(head).partition(b"\r\n")[0]) if found else None


ROUTES = [
    Route(name="all", upstream="https://api.openai.com"),
    Route(name="anthropic", upstream="https://api.anthropic.com/base/", prefix="/anthropic"),
    Route(name="deep", upstream="http://deep/x", prefix="/anthropic/deep/"),
    Route(name="kept", upstream="http://kept", prefix="/kept", strip_prefix=False),
    Route(name="hosted", upstream="http://hosted", host="llm.example"),
]


@pytest.mark.parametrize(
    ("target", "host", "name", "line"),
    [
        ("/v1/x", "app", "all", b"GET /v1/x HTTP/1.1"),
        ("/anthropic", "app", "anthropic", b"GET /base/ HTTP/1.1"),
        ("/anthropic?a", "app", "anthropic", b"GET /base/?a HTTP/1.1"),
        ("/anthropic//v1/%2F;x?a=&b", "app", "anthropic", b"GET /base//v1/%2F;x?a=&b HTTP/1.1"),
        ("/anthropics", "app", "all", b"GET /anthropics HTTP/1.1"),
        ("/anthropic/deep/y", "app", "deep", b"GET /x/y HTTP/1.1"),
        ("/kept/y", "app", "kept", b"GET /kept/y HTTP/1.1"),
        ("/v1", "LLM.example:8080", "hosted", b"GET /v1 HTTP/1.1"),
        ("/kept/y", "llm.example", "kept", b"GET /kept/y HTTP/1.1"),
    ],
)
def test_the_longest_prefix_wins_then_the_host(target: str, host: str, name: str, line: bytes) -> None:
    assert routed(ROUTES, target, host) == (name, line)


def test_without_a_match_there_is_no_destination() -> None:
    assert routed(ROUTES[1:2], "/other") is None


def rendered(route: Route, fields: bytes = b"") -> bytes:
    return destination(route).render(read_request(b"GET / HTTP/1.1\r\nhost: app:1" + fields)).partition(b"\r\n")[2]


@pytest.mark.parametrize(
    ("upstream", "host"),
    [
        ("https://api.x", b"api.x"),
        ("https://api.x:443", b"api.x"),
        ("http://api.x:8080", b"api.x:8080"),
        ("http://[::1]:80/", b"[::1]"),
        ("https://bücher.example", b"xn--bcher-kva.example"),
    ],
)
def test_host_becomes_the_upstreams_in_its_place(upstream: str, host: bytes) -> None:
    assert rendered(Route(name="r", upstream=upstream)) == b"host: " + host + b"\r\n\r\n"


def test_host_is_kept_where_asked() -> None:
    assert rendered(Route(name="r", upstream="http://x", keep_host=True)) == b"host: app:1\r\n\r\n"


def test_configured_headers_replace_the_clients() -> None:
    route = Route(name="r", upstream="http://x", add_request_headers={"Authorization": "Bearer own", "X-New": "1"})
    assert rendered(route, b"\r\nauthorization: theirs\r\nX: y") == (
        b"host: x\r\nX: y\r\nAuthorization: Bearer own\r\nX-New: 1\r\n\r\n"
    )


@pytest.mark.parametrize(
    "route",
    [
        Route(name="r", upstream="api.x"),
        Route(name="r", upstream="ftp://x"),
        Route(name="r", upstream="http://u:p@x"),
        Route(name="r", upstream="http://x?q=1"),
        Route(name="r", upstream="http://x:99999"),
        Route(name="r", upstream="http://x", add_request_headers={"X": "a\r\nY: b"}),
        Route(name="r", upstream="http://x", proxy="socks4://p"),
    ],
)
def test_a_route_that_cannot_work_says_so(route: Route) -> None:
    with pytest.raises(RouteError, match="'r'"):
        destination(route)
