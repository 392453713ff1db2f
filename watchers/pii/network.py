"""Addresses of machines: IP version 4 and 6, MAC."""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from watchers.pii.page import Finding, Page
from watchers.view import pattern

_IPV4: Final = pattern(r"\d{1,3}(?:\.\d{1,3}){3}")
_IPV6: Final = pattern(r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})")
_MAC: Final = pattern(
    r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
)
_WORD: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:.")


class Addresses:
    """Finds IP and MAC addresses. `private`: whether private, loopback and documentation addresses count, too."""

    def __init__(self, private: bool = False) -> None:
        self._private = private

    def find(self, page: Page) -> Iterator[Finding]:
        data = page.data
        if page.numeric and page.digits >= 4 and data.count(b".") >= 3:
            yield from self._version_4(page)
        colons = data.count(b":")
        if colons >= 6 or b"::" in data:
            yield from self._version_6(page)
        if page.digits and (colons >= 5 or data.count(b"-") >= 5 or data.count(b".") >= 2):
            for start, end in page.matches(_MAC):
                if _apart(data, start, end) and len(set(data[start:end])) > 3:
                    yield Finding(start, end, "MAC_ADDRESS", 0.9)

    def _version_4(self, page: Page) -> Iterator[Finding]:
        for start, end in page.matches(_IPV4):
            if not _apart(page.data, start, end) or (page.data[start - 1 : start] == b"v" and start):
                continue
            try:
                address = IPv4Address(page.text(start, end))
            except AddressValueError:
                continue
            version = page.near("version", start, end, before=16, after=10) or _release(page.data, start)
            if version and not _announced(page, start):
                continue  # "version 1.2.3.4", "chrome/126.0.86.134", "lib-1.2.3.4"
            if self._counts(address):
                yield Finding(start, end, "IP_ADDRESS", 0.9)

    def _version_6(self, page: Page) -> Iterator[Finding]:
        for start, end in page.matches(_IPV6):
            text = page.text(start, end)
            if len(text) < 6 or not _apart(page.data, start, end) or not any(map(str.isdigit, text)):
                continue
            try:
                address = IPv6Address(text)
            except AddressValueError:
                continue
            if self._counts(address):
                yield Finding(start, end, "IP_ADDRESS", 0.95)

    def _counts(self, address: IPv4Address | IPv6Address) -> bool:
        if address.is_unspecified or (isinstance(address, IPv4Address) and int(address) == 0xFFFFFFFF):
            return False
        return self._private or not (address.is_loopback or address.is_link_local or _private(address))


def _release(data: bytes, start: int) -> bool:
    return start > 1 and data[start - 1] in b"/-" and chr(data[start - 2]).isalpha()


def _announced(page: Page, start: int) -> bool:
    before = page.lower[max(0, start - 24) : start].replace(b":", b" ").split()
    return any(word in (b"ip", b"ipv4", b"host", b"address", b"server", b"addr") for word in before)


def _private(address: IPv4Address | IPv6Address) -> bool:
    """Only the ranges that people mean by it (RFC 1918, RFC 4193): `is_private` also holds reserved ones."""
    if isinstance(address, IPv6Address):
        return (int(address) >> 121) == 0xFC >> 1
    number = int(address)
    return number >> 24 == 10 or number >> 20 == 0xAC1 or number >> 16 == 0xC0A8


def _apart(data: bytes, start: int, end: int) -> bool:
    """A sentence may end after the address, and a port or a prefix length may follow it."""
    if start and data[start - 1] in _WORD:
        return False
    rest = data[end : end + 2]
    return (
        not rest
        or rest[0] not in _WORD
        or (rest[0] in b".:" and (len(rest) < 2 or rest[1] not in _WORD or rest[0] == 58))
    )
