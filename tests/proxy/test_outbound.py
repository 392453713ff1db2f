import pytest

from sidecar.proxy.outbound import OutboundError, OutboundProxy, Scheme, outbound_proxy

ENV = {"https_proxy": "http://secure:1", "HTTP_PROXY": "plain:2", "NO_PROXY": "localhost,.internal,10.0.0.0/8,x.y:8443"}


@pytest.mark.parametrize(
    ("https", "host", "port", "proxy"),
    [
        (True, "api.openai.com", 443, "secure"),
        (False, "api.openai.com", 80, "plain"),
        (True, "localhost", 443, None),
        (True, "a.internal", 443, None),
        (True, "internal", 443, None),
        (True, "notinternal", 443, "secure"),
        (True, "10.1.2.3", 443, None),
        (True, "11.1.2.3", 443, "secure"),
        (True, "x.y", 8443, None),
        (True, "x.y", 443, "secure"),
    ],
)
def test_the_environment_decides(https: bool, host: str, port: int, proxy: str | None) -> None:
    found = outbound_proxy(None, https, host, port, ENV)
    assert (found.host if found else None) == proxy


def test_settings_come_first() -> None:
    assert outbound_proxy("none", True, "a", 443, ENV) is None
    found = outbound_proxy("http://u%40:p%3A@p:3128", True, "localhost", 443, ENV)
    assert found == OutboundProxy(Scheme.HTTP, "p", 3128, (b"u@", b"p:"))
    assert found.authorization == b"Basic dUA6cDo="


def test_an_asterisk_excepts_everything() -> None:
    assert outbound_proxy(None, True, "a", 443, {"all_proxy": "http://p:1", "no_proxy": "*"}) is None
    assert outbound_proxy(None, True, "a", 443, {"all_proxy": "http://p:1"}) == OutboundProxy(Scheme.HTTP, "p", 1)


@pytest.mark.parametrize(
    ("url", "scheme", "port"),
    [
        ("p", "http", 80),
        ("http://p", "http", 80),
        ("https://p", "https", 443),
        ("socks5://p", "socks5", 1080),
        ("socks5h://p:9", "socks5h", 9),
    ],
)
def test_each_scheme_has_its_port(url: str, scheme: str, port: int) -> None:
    found = OutboundProxy.read(url)
    assert (found.scheme, found.host, found.port, found.tls is not None) == (scheme, "p", port, scheme == "https")


@pytest.mark.parametrize(
    "url",
    ["socks4://p:1", "http://p:x", "http://p:99999", "http://[p", "ftp://p", "socks5://", f"socks5://{'u' * 256}:x@p"],
)
def test_what_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(OutboundError):
        outbound_proxy(url, True, "a", 443, {})
