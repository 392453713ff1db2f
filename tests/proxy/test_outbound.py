import pytest

from sidecar.proxy.outbound import OutboundError, OutboundProxy, outbound_proxy

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
    assert outbound_proxy("http://u%40:p%3A@p:3128", True, "localhost", 443, ENV) == OutboundProxy(
        "p", 3128, b"Basic dUA6cDo="
    )


def test_an_asterisk_excepts_everything() -> None:
    assert outbound_proxy(None, True, "a", 443, {"all_proxy": "http://p:1", "no_proxy": "*"}) is None
    assert outbound_proxy(None, True, "a", 443, {"all_proxy": "http://p:1"}) == OutboundProxy("p", 1, None)


def test_other_schemes_are_refused() -> None:
    with pytest.raises(OutboundError):
        outbound_proxy("socks5://p:1", True, "a", 443, {})
