"""What the types cannot say: URLs, addresses, clashes between settings, files and names that must be there.

Each check is a function from the settings to problems; the table at the end is the list of them. Light: reads
file names and no file. What needs a model or a price catalogue in memory is checked where it is loaded.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from sidecar.config.problem import Path, Problem, key_of, shown
from sidecar.config.resolve import split_address
from sidecar.settings import BUILT_IN_WATCHERS, OPTIONAL_WATCHERS, Judge, Remote, Settings

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_ROUTE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_WILDCARDS: Final = ("0.0.0.0", "::", "")
_HOP_BY_HOP: Final = frozenset(
    {"connection", "transfer-encoding", "content-length", "upgrade", "te", "trailer", "host", "expect"}
)

Found = Iterator[tuple[Path, str, str]]  # path, what is wrong, remedy
Rule = Callable[[Settings], Found]


class _Missing(str):
    """What is wrong with a file: true of this machine only."""

    __slots__ = ()


def check(settings: Settings, place: Callable[[Path], str]) -> list[Problem]:
    """Return every problem; `place` gives file:line of a path."""
    return [Problem(key_of(path), what, remedy, place(path)) for path, what, remedy in _found(settings)]


def check_elsewhere(settings: Settings) -> list[Problem]:
    """Return every problem that these settings have on any machine: none of files, which are not here."""
    found = _found(settings)
    return [Problem(key_of(path), what, remedy) for path, what, remedy in found if not isinstance(what, _Missing)]


def _found(settings: Settings) -> Found:
    for rule in RULES:
        yield from rule(settings)


def _addresses(settings: Settings) -> Found:
    example = "write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; port 0 picks a free one"
    for name in ("listen", "admin"):
        address = getattr(settings, name)
        try:
            split_address(address)
        except ValueError:
            yield (name,), f"{shown((name,), address)}: expected HOST:PORT with a port from 0 to 65535", example


def _port_clash(settings: Settings) -> Found:
    try:
        (host, port), (admin_host, admin_port) = split_address(settings.listen), split_address(settings.admin)
    except ValueError:
        return
    same_host = host == admin_host or host in _WILDCARDS or admin_host in _WILDCARDS
    if port and port == admin_port and same_host:
        what = f'{shown(("admin",), settings.admin)}: the same port as listen = "{settings.listen}"'
        yield ("admin",), what, "give the admin pages a port of their own"


def _upstreams(settings: Settings) -> Found:
    if not settings.upstream and not settings.routes:
        yield ("upstream",), ": not set", "give --upstream https://api.openai.com, for example, or list routes"
    if settings.upstream:
        yield from _upstream(("upstream",), settings.upstream)
    for index, route in enumerate(settings.routes):
        yield from _upstream(("routes", index, "upstream"), route.upstream)
        if route.proxy not in (None, "none"):
            yield from _proxy_url(("routes", index, "proxy"), str(route.proxy))


def _upstream(path: Path, url: str) -> Found:
    expected = f"{shown(path, url)}: expected http:// or https:// and a host"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError out of range
    except ValueError as error:
        yield path, f"{shown(path, url)}: not a URL: {error}", "write https://HOST[:PORT][/BASE/PATH]"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield path, expected, _scheme_remedy(url, parts)
    elif any(char.isspace() for char in url):
        yield path, f"{shown(path, url)}: has a space in it", "remove it"
    elif parts.query or parts.fragment:
        yield path, f"{shown(path, url)}: has a query or fragment", "remove it: the client's own query is forwarded"
    elif parts.username is not None:
        remedy = "remove them and set routes[].add_request_headers.Authorization"
        yield path, f"{shown(path, url)}: has a user name or password in it", remedy


def _scheme_remedy(url: str, parts: SplitResult) -> str:
    bare = parts.scheme not in ("http", "https") and "//" not in url
    local = url.startswith(("localhost", "127."))
    if bare and " " not in url:
        return f"did you mean {'http' if local else 'https'}://{url}?"
    return "write https://HOST[:PORT][/BASE/PATH]"


def _proxy_url(path: Path, url: str) -> Found:
    remedy = 'write http://HOST:PORT (or https, socks5, socks5h), "none" for a direct connection, or remove the key'
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError out of range
    except ValueError as error:
        yield path, f"{shown(path, url)}: not a URL: {error}", remedy
        return
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        yield path, f"{shown(path, url)}: expected the URL of an HTTP or SOCKS 5 proxy", remedy


def _routes(settings: Settings) -> Found:
    names: dict[str, Path] = {}
    places: dict[tuple[str | None, str], Path] = {}
    if settings.upstream:
        names["default"] = places[None, "/"] = ("upstream",)
    for index, route in enumerate(settings.routes):
        path: Path = ("routes", index)
        if not _ROUTE_NAME.fullmatch(route.name):
            what = f"{shown((*path, 'name'), route.name)}: expected letters, digits, dots and dashes"
            yield (*path, "name"), what, "the name becomes a label of the metrics: choose a plain one"
        if not route.prefix.startswith("/"):
            what = f"{shown((*path, 'prefix'), route.prefix)}: expected a path"
            yield (*path, "prefix"), what, f'write "/{route.prefix}"'
        if first := names.get(route.name):
            what = f"{shown((*path, 'name'), route.name)}: already the name of {key_of(first)}"
            yield (*path, "name"), what, "give every route its own name"
        host = route.host.lower() if route.host else None
        place = host, route.prefix.rstrip("/") or "/"
        if first := places.get(place):
            what = f"{shown((*path, 'prefix'), route.prefix)}: {key_of(first)} has the same prefix and host"
            yield (*path, "prefix"), what, "change the prefix or the host of one of them"
        names.setdefault(route.name, path)
        places.setdefault(place, path)


def _headers(settings: Settings) -> Found:
    for index, route in enumerate(settings.routes):
        for name, value in route.add_request_headers.items():
            path: Path = ("routes", index, "add_request_headers", name)
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _HOP_BY_HOP:
                yield path, ": not a header that can be added", "use a header of the end-to-end kind, such as X-Team"
            if any(char in value for char in "\r\n"):
                remedy = "put it on one line (a secret's file often ends with one)"
                yield path, ": its value has a line break in it", remedy
            elif not _HEADER_VALUE.fullmatch(value):
                what = ": its value has a character that no header can carry"
                yield path, what, "use characters of ISO 8859-1 without control characters"


def _files(settings: Settings) -> Found:
    for index, route in enumerate(settings.routes):
        for name in ("ca_file", "cert_file", "key_file"):
            yield from _file(("routes", index, "tls", name), getattr(route.tls, name))
        if route.tls.key_file and not route.tls.cert_file:
            yield ("routes", index, "tls", "cert_file"), ": missing beside key_file", "give the client certificate, too"
    yield from _file(("prices", "file"), settings.prices.file)
    if settings.drift.reference and "://" not in settings.drift.reference:
        yield from _file(("drift", "reference"), settings.drift.reference)
    pack = settings.watchers.pack
    if pack and not os.path.isdir(pack):
        what = f"{shown(('watchers', 'pack'), pack)}: no such directory"
        yield (
            ("watchers", "pack"),
            _Missing(what),
            "give the directory of a model pack, or remove the key for the one that ships",
        )


def _file(path: Path, name: str | None) -> Found:
    if name is None:
        return
    if not os.path.isfile(name):
        yield (
            path,
            _Missing(f"{shown(path, name)}: no such file"),
            f"check the path (now in {os.getcwd()}) and the mount",
        )
    elif not os.access(name, os.R_OK):
        yield path, _Missing(f"{shown(path, name)}: not readable by user {os.getuid()}"), "change its owner or mode"


def _watchers(settings: Settings) -> Found:
    own = (name for name, item in settings.watchers.settings.items() if item.type)
    known = {*BUILT_IN_WATCHERS, *OPTIONAL_WATCHERS, *own}
    enabled = settings.watchers.enabled
    for index, name in enumerate(enabled):
        path: Path = ("watchers", "enabled", index)
        if name == "none" and len(enabled) > 1:
            yield path, ' = "none": stands beside other names', "write none alone, or remove it"
        elif name in enabled[:index]:
            yield path, f"{shown(path, name)}: stands here twice", "remove one"
        elif name != "none" and name not in known:
            yield path, f"{shown(path, name)}: there is no such watcher", _watcher_remedy(name, known)
    for name, item in settings.watchers.settings.items():
        if name not in known and item.type is None:
            path = ("watchers", "settings", name)
            yield path, ": there is no such watcher", _watcher_remedy(name, known)


def _watcher_remedy(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(sorted(known))}; for one of your own set watchers.settings.{name}.type"


def _labels(settings: Settings) -> Found:
    seen: set[str] = set()
    for index, label in enumerate(settings.observer.labels):
        path: Path = ("observer", "labels", index)
        if not _LABEL_NAME.fullmatch(label.name):
            what = f"{shown((*path, 'name'), label.name)}: expected a letter, then letters, digits and underscores"
            yield (*path, "name"), what, "choose a name that Prometheus takes as a label"
        if label.name in seen:
            what = f"{shown((*path, 'name'), label.name)}: stands here twice"
            yield (*path, "name"), what, "give every label its own name"
        if (label.header is None) == (label.json_path is None):
            yield path, ": expected either header or json_path", "keep exactly one of the two"
        seen.add(label.name)
    if settings.drift.label is not None and settings.drift.label not in seen:
        what = f"{shown(('drift', 'label'), settings.drift.label)}: no such label"
        yield ("drift", "label"), what, "name one of observer.labels, or remove the key"


def _judge(settings: Settings) -> Found:
    judge = settings.judge
    if judge.endpoint is None:
        return
    path: Path = ("judge", "endpoint")
    yield from _base_url(path, judge.endpoint)
    if _is_own(judge.endpoint, settings.listen):
        what = f"{shown(path, judge.endpoint)}: is Sidewatch itself, which would judge its own questions"
        yield path, what, "give the address of the API behind it"
    if not judge.model:
        yield ("judge", "model"), ": not set", "name the model that judges"
    yield from _key(("judge",), judge)
    for name in ("ca_file", "cert_file", "key_file"):
        yield from _file(("judge", "tls", name), getattr(judge.tls, name))


def _remote(settings: Settings) -> Found:
    remote = settings.watchers.remote
    if remote.endpoint is None:
        return
    here: Path = ("watchers", "remote")
    yield from _base_url((*here, "endpoint"), remote.endpoint, "http://HOST:PORT")
    if remote.endpoint.rstrip("/").endswith("/v2"):
        what = f"{shown((*here, 'endpoint'), remote.endpoint)}: ends with /v2, which is added"
        yield (*here, "endpoint"), what, "remove it"
    for name in ("model", "version"):
        value = getattr(remote, name)
        if value is not None and not _ROUTE_NAME.fullmatch(value):
            what = f"{shown((*here, name), value)}: expected letters, digits, dots and dashes"
            yield (*here, name), what, f"write the {name} as the server's repository has it"
    yield from _key(here, remote)
    for name in ("ca_file", "cert_file", "key_file"):
        yield from _file((*here, "tls", name), getattr(remote.tls, name))


def _key(section: Path, settings: Judge | Remote) -> Found:
    if settings.api_key_env and settings.api_key_file:
        yield (*section, "api_key_file"), ": stands beside api_key_env", "keep one of the two"
    if not _HEADER_NAME.fullmatch(settings.api_key_header):
        path = (*section, "api_key_header")
        yield (
            path,
            f"{shown(path, settings.api_key_header)}: not the name of a header",
            "write Authorization or api-key",
        )
    yield from _file((*section, "api_key_file"), settings.api_key_file)


def _base_url(path: Path, url: str, form: str = "https://HOST[:PORT]/v1") -> Found:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError out of range
    except ValueError as error:
        yield path, f"{shown(path, url)}: not a URL: {error}", f"write {form}"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or any(char.isspace() for char in url):
        yield path, f"{shown(path, url)}: expected http:// or https:// and a host", f"write {form}"
    elif parts.username is not None:
        yield path, f"{shown(path, url)}: has a user name or password in it", "use api_key_env or api_key_file"


def _is_own(url: str, listen: str) -> bool:
    try:
        (host, port), parts = split_address(listen), urlsplit(url)
        there = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    local = ("localhost", "127.0.0.1", "::1")
    return (
        bool(port)
        and there == port
        and (parts.hostname == host or (parts.hostname in local and host in (*local, *_WILDCARDS)))
    )


RULES: Final[tuple[Rule, ...]] = (
    _addresses,
    _port_clash,
    _upstreams,
    _routes,
    _headers,
    _files,
    _watchers,
    _judge,
    _remote,
    _labels,
)
