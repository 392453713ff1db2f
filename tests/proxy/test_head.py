import pytest

from sidecar.proxy.field import CHUNKED, NO_BODY, UNTIL_CLOSE, HeadError, bad_start
from sidecar.proxy.request_head import HeadReader, read_request
from sidecar.proxy.response_head import read_response

GET = b"GET / HTTP/1.1\r\nHost: a"


def test_fields_keep_their_order_case_duplicates_and_bytes() -> None:
    head = read_request(b"GET /a HTTP/1.1\r\nX-b: 1\r\nHOST: h\r\nx-B:  two \r\nX-b: \xe9\xff")
    assert head.lines == [b"X-b: 1", b"HOST: h", b"x-B:  two ", b"X-b: \xe9\xff"]


@pytest.mark.parametrize(
    "target",
    [b"/", b"//a//b", b"/a%2Fb;c=1?x=&y&=%20#f", b"/?", b"/\xc3\xa9", b'/a"<>\\^`{|}', b"/../..//%2e%2e/"],
)
def test_a_target_is_kept_as_received(target: bytes) -> None:
    assert read_request(b"GET %b HTTP/1.1\r\nHost: a" % target).target == target


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"http://b:1/x?y", b"b:1", b"/x?y"),
        (b"HTTP://b", b"b", b"/"),
        (b"http://b?q", b"b", b"/?q"),
    ],
)
def test_an_absolute_target_replaces_host(target: bytes, host: bytes, path: bytes) -> None:
    head = read_request(b"GET %b HTTP/1.1\r\nHost: a" % target)
    assert (head.host, head.target) == (host, path)


@pytest.mark.parametrize(
    ("block", "length"),
    [
        (GET, NO_BODY),
        (GET + b"\r\nContent-Length: 0", 0),
        (GET + b"\r\ncontent-length:  12 ", 12),
        (GET + b"\r\nTransfer-Encoding: Chunked", CHUNKED),
    ],
)
def test_the_framing_of_a_request(block: bytes, length: int) -> None:
    assert read_request(block).length == length


SMUGGLING = {
    "length and coding": GET + b"\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    "coding and length": GET + b"\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
    "two lengths": GET + b"\r\nContent-Length: 3\r\nContent-Length: 4",
    "the same length twice": GET + b"\r\nContent-Length: 3\r\nContent-Length: 3",
    "a list of lengths": GET + b"\r\nContent-Length: 3, 3",
    "signed length": GET + b"\r\nContent-Length: +3",
    "negative length": GET + b"\r\nContent-Length: -3",
    "hexadecimal length": GET + b"\r\nContent-Length: 0x3",
    "empty length": GET + b"\r\nContent-Length: ",
    "length with a space": GET + b"\r\nContent-Length: 1 2",
    "fractional length": GET + b"\r\nContent-Length: 3.0",
    "length in other digits": GET + b"\r\nContent-Length: \xd9\xa3",
    "length of 19 digits": GET + b"\r\nContent-Length: 1000000000000000000",
    "two codings": GET + b"\r\nTransfer-Encoding: gzip, chunked",
    "chunked twice": GET + b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "unknown coding": GET + b"\r\nTransfer-Encoding: xchunked",
    "identity": GET + b"\r\nTransfer-Encoding: identity",
    "coding with a parameter": GET + b"\r\nTransfer-Encoding: chunked;q=1",
    "coding with vertical tab": GET + b"\r\nTransfer-Encoding: \x0bchunked",
    "empty coding": GET + b"\r\nTransfer-Encoding:",
    "coding in HTTP/1.0": b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked",
    "folded line": GET + b"\r\nX: a\r\n b",
    "folded line with a tab": GET + b"\r\nX: a\r\n\tb",
    "first line folded": b"GET / HTTP/1.1\r\n Host: a",
    "bare LF": GET + b"\r\nX: a\nContent-Length: 3",
    "bare CR": GET + b"\r\nX: a\rContent-Length: 3",
    "bare LF in the request line": b"GET / HTTP/1.1\nHost: a",
    "CR CR LF": GET + b"\r\nX: a\r\r\nY: b",
    "NUL in a value": GET + b"\r\nX: a\0b",
    "NUL in a name": GET + b"\r\nX\0: a",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a",
    "control in a value": GET + b"\r\nX: a\x1bb",
    "DEL in a value": GET + b"\r\nX: a\x7f",
    "space before the colon": GET + b"\r\nContent-Length : 3",
    "tab before the colon": GET + b"\r\nTransfer-Encoding\t: chunked",
    "no colon": GET + b"\r\nContent-Length",
    "empty name": GET + b"\r\n: a",
    "empty line inside": GET + b"\r\n\r\nX: a",
    "name in other letters": GET + b"\r\nContent-L\xe9ngth: 3",
    "name in brackets": GET + b"\r\n(X): 3",
    "no host": b"GET / HTTP/1.1\r\nX: a",
    "two hosts": GET + b"\r\nHost: b",
    "host with a path": b"GET / HTTP/1.1\r\nHost: a/b",
    "host with a space": b"GET / HTTP/1.1\r\nHost: a b",
    "host with a user": b"GET / HTTP/1.1\r\nHost: a@b",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a",
    "tab as a space": b"GET\t/ HTTP/1.1\r\nHost: a",
    "no version": b"GET /\r\nHost: a",
    "HTTP/2": b"PRI * HTTP/2.0",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a",
    "lower-case version": b"GET / http/1.1\r\nHost: a",
    "method with a colon": b"GE:T / HTTP/1.1\r\nHost: a",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a",
    "asterisk with GET": b"GET * HTTP/1.1\r\nHost: a",
    "target without a slash": b"GET a HTTP/1.1\r\nHost: a",
    "another scheme": b"GET ftp://a/b HTTP/1.1\r\nHost: a",
    "user in an absolute target": b"GET http://u@a/ HTTP/1.1\r\nHost: a",
    "empty": b"",
}


@pytest.mark.parametrize("block", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_an_ambiguous_or_malformed_request_is_refused(block: bytes) -> None:
    with pytest.raises(HeadError):
        read_request(block)


def test_a_name_refused_once_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(HeadError):
            read_request(GET + b"\r\nNoColonHere")


def test_hop_by_hop_fields_go_with_those_that_connection_names() -> None:
    head = read_request(
        GET
        + b"\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nX: y"
    )
    assert list(filter(None, head.lines)) == [b"Host: a", b"X: y"]
    assert not head.keep_alive


def test_connection_cannot_remove_framing_or_host() -> None:
    head = read_request(GET + b"\r\nConnection: host, content-length\r\nContent-Length: 3")
    assert list(filter(None, head.lines)) == [b"Host: a", b"Content-Length: 3"]


def test_an_upgrade_is_passed_on_where_connection_asks_for_it() -> None:
    head = read_request(GET + b"\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nX: y")
    assert head.upgrade == b"websocket"
    assert head.lines == [b"Host: a", b"Connection: Upgrade", b"Upgrade: websocket", b"X: y"]


@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
        b"Upgrade: websocket",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3",
    ],
)
def test_other_upgrades_are_dropped(fields: bytes) -> None:
    head = read_request(GET + b"\r\n" + fields)
    assert head.upgrade is None
    assert not any(b"pgrade" in line for line in head.lines)


@pytest.mark.parametrize(
    ("block", "keep"),
    [
        (GET, True),
        (GET + b"\r\nConnection: CLOSE", False),
        (b"GET / HTTP/1.0\r\nHost: a", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive", True),
    ],
)
def test_whether_the_client_keeps_its_connection(block: bytes, keep: bool) -> None:
    assert read_request(block).keep_alive is keep


@pytest.mark.parametrize(
    ("block", "method", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"GET", 5),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"GET", CHUNKED),
        (b"HTTP/1.1 200 OK", b"GET", UNTIL_CLOSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"HEAD", NO_BODY),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5", b"GET", NO_BODY),
        (b"HTTP/1.1 204 No Content", b"GET", NO_BODY),
    ],
)
def test_the_framing_of_a_response(block: bytes, method: bytes, length: int) -> None:
    assert read_response(block, method).length == length


@pytest.mark.parametrize("line", [b"529 Overloaded, really", b"200", b"200 ", b"299 \xe9t\xe9", b"999 ?"])
def test_unknown_statuses_and_reasons_are_kept(line: bytes) -> None:
    assert read_response(b"HTTP/1.1 " + line, b"GET").reason == line


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b",
        b"HTTP/1.1 200 OK\r\nX : a",
        b"HTTP/1.1 200 OK\nX: a",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 20 OK",
        b"HTTP/2 200",
        b"ICY 200 OK",
    ],
)
def test_a_malformed_response_is_refused(block: bytes) -> None:
    with pytest.raises(HeadError):
        read_response(block, b"GET")


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b"GET / HTTP/1.1\n", b"G\0T", b" GET", b"{"])
def test_what_can_never_become_a_head_is_known_early(data: bytes) -> None:
    assert bad_start(data)


@pytest.mark.parametrize("cut", range(1, 26))
def test_the_beginning_of_a_good_head_is_not_taken_for_a_bad_one(cut: int) -> None:
    assert not bad_start(b"GET /x HTTP/1.1\r\nHost: a\r\n"[:cut])


def around(length: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %b \r\nX: 1" % length


def test_a_head_that_differs_only_in_its_length_is_read_like_any_other() -> None:
    reader = HeadReader()
    for length in (b"12", b"3", b"007", b"12"):
        head, alone = reader.read(around(length)), read_request(around(length))
        assert (head.length, head.lines) == (alone.length, alone.lines)
        assert (head.fields, head.digits) == (alone.fields, alone.digits)


def test_a_repeated_upgrade_is_dropped_where_it_comes_with_a_body() -> None:
    reader = HeadReader()
    fields = b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: "
    assert reader.read(GET + fields + b"0").upgrade == b"websocket"
    assert reader.read(GET + fields + b"5").upgrade is None


@pytest.mark.parametrize(
    "length", [b"", b"+1", b"1 2", b"1\r\nContent-Length: 2", b"1, 1", b"0x1", b"-1", b"1" * 19, b"1\nX: y", b"\xb2"]
)
def test_a_repeated_head_with_a_bad_length_is_refused(length: bytes) -> None:
    reader = HeadReader()
    reader.read(around(b"12"))
    with pytest.raises(HeadError):
        reader.read(around(length))


def test_a_repeated_head_without_a_length_is_the_same_only_as_a_whole() -> None:
    reader = HeadReader()
    assert reader.read(GET) is reader.read(GET)
    assert reader.read(GET + b"\r\nX: y").lines == [b"Host: a", b"X: y"]
    assert reader.read(GET + b"\r\nContent-Length: 3").length == 3
    assert reader.read(GET).length == NO_BODY


def test_a_length_that_another_line_repeats_is_found_in_its_own_line() -> None:
    reader = HeadReader()
    block = b"POST / HTTP/1.1\r\nX-Content-Length: 12\r\nContent-Length: 12\r\nHost: a"
    reader.read(block)
    assert reader.read(block.replace(b"\r\nContent-Length: 12", b"\r\nContent-Length: 5")).length == 5


@pytest.mark.parametrize(
    ("lines", "forwarded"),
    [
        (b"Connection: keep-alive", b""),
        (b"X: y\r\nConnection: keep-alive\r\nZ: z", b"\r\nX: y\r\nZ: z"),
        (b"Connection: keep-alive, X-Hop\r\nX-Hop: 1", b""),
        (b"Connection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: 1\r\nZ: z", b"\r\nZ: z"),
        (b"Connection: keep-alive\r\nKeep-Alive: timeout=5", b""),
        (b"Connection: keep-alivex\r\nZ: z", b"\r\nZ: z"),
        (b"X: Connection: keep-alive", b"\r\nX: Connection: keep-alive"),
    ],
)
def test_keep_alive_is_not_passed_on_however_it_stands(lines: bytes, forwarded: bytes) -> None:
    head = read_response(b"HTTP/1.1 204 No Content\r\n" + lines, b"GET")
    assert (head.forward, head.fields, head.keep_alive) == (forwarded, b"\r\n" + lines, True)
