"""How a person is reached on the net: e-mail addresses (plain, escaped, spelt out), web addresses, account names."""

from collections.abc import Iterator
from typing import Final

from watchers.pii.page import Finding, Page
from watchers.view import pattern

_LETTER: Final = r"A-Za-z\xde\xfe"
# Unbounded on purpose: counted repetitions inside one another make RE2's automaton large and slow.
_HOST: Final = rf"(?:[{_LETTER}0-9]+(?:-+[{_LETTER}0-9]+)*\.)+(?:[{_LETTER}]{{2,24}}|(?i:xn--)[a-zA-Z0-9-]+)"
_LOCAL: Final = rf"[{_LETTER}0-9_](?:[{_LETTER}0-9_.+%&'/=-]{{0,62}}[{_LETTER}0-9_+-])?"
_EMAIL: Final = pattern(rf"{_LOCAL}(?:@|%40|&#64;|&commat;)(?:{_HOST}|\[\d{{1,3}}(?:\.\d{{1,3}}){{3}}\])")
_AT: Final = r"(?: {0,2}[\[({<] {0,2}(?i:at|@|arroba|chez|aet) {0,2}[\])}>] {0,2}| {1,2}(?i:at|arroba) {1,2})"
_DOT: Final = r"(?:\.| {0,2}[\[({<] {0,2}(?i:dot|punkt|point|punto|ponto|\.) {0,2}[\])}>] {0,2}| {1,2}(?i:dot) {1,2})"
_SPELT_DOT: Final = (
    r"(?: {0,2}[\[({<] {0,2}(?i:dot|punkt|point|punto|ponto|\.) {0,2}[\])}>] {0,2}| {1,2}(?i:dot) {1,2})"
)
_SPELT: Final = pattern(
    rf"\b[A-Za-z0-9_](?:[\w.+-]|{_SPELT_DOT}){{0,48}}(?:"
    rf" {{0,2}}[\[({{<] {{0,2}}(?i:at|@|arroba) {{0,2}}[\])}}>] {{0,2}}[A-Za-z0-9-]{{1,40}}(?:{_DOT}[A-Za-z0-9-]{{2,24}}){{1,4}}"
    rf"|{_AT}[A-Za-z0-9-]{{1,40}}(?:{_SPELT_DOT}[A-Za-z0-9-]{{2,24}}){{1,4}})\b"
)
_ENTITY: Final = pattern("&#64;|&commat;")
_BRACKETED_AT: Final = pattern(r"(?i)[\[({<] {0,2}(?:at|arroba|@) {0,2}[\])}>]")
_URL: Final = pattern(r"(?:\b(?i:https?|ftp)://|\b(?i:www)\.[A-Za-z0-9-]{1,63}\.)[^\s<>\"'`{}|\\^\x01]+")
_BARE_DOMAIN: Final = pattern(rf"\b({_HOST})(?:/[\w./?=&%-]*)?")
_HANDLE: Final = pattern(r"(?:^|[^\w@./=:])(@[A-Za-z_][A-Za-z0-9_.]{1,29})")
_NAMED_ACCOUNT: Final = pattern(
    r"(?i)\b(?:user ?name|login(?: name| id)?|user ?id|handle|screen ?name|gamertag|nickname|benutzername|nom d'utilisateur|"
    r"usuario|instagram|insta|tiktok|snapchat|twitter|discord|skype|telegram|github)(?: is| handle is| name is|:|=| =|: is)"
    r" {0,2}[\"'@]?([a-z0-9][\w.#-]{2,31})"
)
_URL_CHARS: Final = 2048
_URL_MIN: Final = 8
_TRAILING: Final = b".,;:!?)]}*_~'\""
# Generic domains in common use; every two-letter ending counts as a country's.
_GENERIC: Final = frozenset(
    [
        "com",
        "org",
        "net",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "name",
        "pro",
        "aero",
        "coop",
        "museum",
        "jobs",
        "mobi",
        "travel",
        "tel",
        "cat",
        "asia",
        "post",
        "xxx",
        "app",
        "dev",
        "page",
        "blog",
        "shop",
        "store",
        "online",
        "site",
        "website",
        "tech",
        "cloud",
        "email",
        "mail",
        "space",
        "live",
        "life",
        "world",
        "today",
        "news",
        "media",
        "agency",
        "digital",
        "company",
        "solutions",
        "services",
        "systems",
        "network",
        "group",
        "team",
        "work",
        "works",
        "consulting",
        "design",
        "studio",
        "art",
        "photography",
        "academy",
        "school",
        "university",
        "education",
        "institute",
        "foundation",
        "center",
        "clinic",
        "health",
        "care",
        "dental",
        "legal",
        "law",
        "finance",
        "financial",
        "bank",
        "money",
        "capital",
        "fund",
        "insurance",
        "credit",
        "global",
        "international",
        "international",
        "club",
        "social",
        "community",
        "events",
        "games",
        "game",
        "fun",
        "zone",
        "city",
        "london",
        "paris",
        "berlin",
        "tokyo",
        "nyc",
        "amsterdam",
        "vegas",
        "wien",
        "hamburg",
        "koeln",
        "bayern",
        "swiss",
        "scot",
        "xyz",
        "top",
        "icu",
        "vip",
        "win",
        "bid",
        "loan",
        "link",
        "click",
        "host",
        "hosting",
        "press",
        "wiki",
        "ink",
        "red",
        "blue",
        "green",
        "black",
        "pink",
        "wtf",
        "lol",
        "ninja",
        "guru",
        "expert",
        "engineer",
        "software",
        "codes",
        "code",
        "build",
        "tools",
        "house",
        "land",
        "estate",
        "property",
        "homes",
        "rent",
        "kitchen",
        "food",
        "coffee",
        "bar",
        "restaurant",
        "pizza",
        "wine",
        "beer",
        "fashion",
        "style",
        "clothing",
        "shoes",
        "jewelry",
        "beauty",
        "fit",
        "fitness",
        "yoga",
        "run",
        "bike",
        "car",
        "cars",
        "auto",
        "energy",
        "earth",
        "eco",
        "bio",
        "organic",
        "farm",
        "garden",
        "pet",
        "dog",
        "test",
        "example",
        "local",
        "internal",
        "invalid",
        "localhost",
        "lan",
        "corp",
        "home",
    ]
)
_COMMON_WORDS: Final = frozenset(
    {"login", "is", "required", "the", "your", "for", "and", "not", "field", "name", "invalid"}
)


def find_emails(page: Page) -> Iterator[Finding]:
    data = page.data
    if b"@" in data or (b"%" in data and b"%40" in data) or (b"&" in data and _ENTITY.search(data)):
        yield from _plain_emails(page)
    bracketed = (b"[" in data or b"(" in data or b"{" in data or b"<" in data) and _BRACKETED_AT.search(data)
    if bracketed or b" dot " in page.lower:
        for start, end in page.matches(_SPELT):
            yield Finding(start, end, "EMAIL_ADDRESS", 0.75)


def _plain_emails(page: Page) -> Iterator[Finding]:
    data = page.data
    for start, end in page.matches(_EMAIL):
        found = data[start:end]
        cut = max(found.rfind(b"=", 0, found.find(b"@")), found.rfind(b"/", 0, found.find(b"@")))
        start += cut + 1  # "to=ann@example.com", "mailto/ann@example.com": valid local parts, but never meant so
        if start and data[start - 1] == 58 and b"://" in data[max(0, start - 80) : start]:
            continue  # the password of a URL with credentials: the secrets watcher's
        if data[start:end].startswith(b"git@") and data[end : end + 1] == b":":
            continue  # the address of a repository
        if _known_ending(data[start:end]):
            yield Finding(start, end, "EMAIL_ADDRESS", 0.98)


def _known_ending(address: bytes) -> bool:
    ending = address.rpartition(b".")[2].decode("latin-1").lower()
    return len(ending) == 2 or ending in _GENERIC or ending.endswith("]") or "-" in ending or not ending.isascii()


def find_urls(page: Page) -> Iterator[Finding]:
    data = page.data
    if b"://" in data or b"www." in page.lower:
        for start, end in page.matches(_URL):
            end = min(end, start + _URL_CHARS)
            end = start + len(data[start:end].rstrip(_TRAILING))
            if end - start >= _URL_MIN:
                yield Finding(start, end, "URL", 0.7)
    if "website" in page.topics:
        yield from _bare_domains(page)


def _bare_domains(page: Page) -> Iterator[Finding]:
    for match in _BARE_DOMAIN.finditer(page.data):
        start, end = match.span()
        before = page.lower[max(0, start - 32) : start]
        announced = b"website" in before or b"homepage" in before or b"domain" in before
        if announced and page.data[start - 1 : start] != b"@" and _known_ending(match.group(1)):
            yield Finding(start, end, "URL", 0.6)


def find_accounts(page: Page) -> Iterator[Finding]:
    if b"@" in page.data:
        for start, end in page.matches(_HANDLE):
            end = start + len(page.data[start:end].rstrip(b"."))
            if not _decorator(page.data, start, end):
                yield Finding(start, end, "USERNAME", 0.6)
    if "username" not in page.topics:
        return
    for start, end in page.matches(_NAMED_ACCOUNT):
        word = page.text(start, end).rstrip(".-#")
        if word.lower() not in _COMMON_WORDS and not word.isalpha():
            yield Finding(start, start + len(word), "USERNAME", 0.7)


def _decorator(data: bytes, start: int, end: int) -> bool:
    """A line that begins with @name and ends or opens a bracket there is code, not an account."""
    line = data.rfind(b"\n", 0, start) + 1
    return not data[line:start].strip() and data[end : end + 1] in (b"", b"\n", b"\r", b"(", b" ", b"{")
