# ruff: noqa: E501 (a pattern is read whole)
"""Where somebody lives or is: street addresses, postal codes, coordinates.

A street address is found by what is regular in it: a house number beside a word that names a kind of street (in some thirty
languages), a post-office box, a military address, or a unit ("Apt. 12"); then it is followed through unit, town, state and
postal code as far as they are written.
"""

from collections.abc import Iterator
from typing import Final

from watchers.pii.page import Finding, Page
from watchers.view import pattern

_W: Final = r"[A-Za-z\xc0\xde\xfe]"
_CAP: Final = r"[A-Z\xc0\xde]"
_NAME: Final = rf"(?:{_CAP}[A-Za-z\xc0\xde\xfe'.-]{{0,24}}|\d{{1,3}}(?:st|nd|rd|th)|(?:de|la|le|du|des|del|della|di|da|do|dos|van|von|den|der|of|the|St\.|El|Al|Ibn|el|los|las|y)\b)"
# A word that is a kind of street and follows the name.
_SUFFIX: Final = (
    r"(?:Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Court|Ct|Circle|Cir|Place|Pl|Square|Sq|Terrace|Ter|"
    r"Parkway|Pkwy|Highway|Hwy|Way|Trail|Trl|Crescent|Cres|Close|Gardens|Grove|Mews|Row|Walk|Alley|Turnpike|Expressway|"
    r"Freeway|Bypass|Causeway|Wharf|Quay|Esplanade|utca|u\.|krt|Sokak|Sok|Caddesi|Cad|Bulvari|Marg|Nagar|Ulica|ulitsa)\b\.?"
)
# The rest of the postal service's list (USPS publication 28, C1): words that mean much else, too.
_WEAK_SUFFIX: Final = (
    r"(?:Bayoo|Beach|Bend|Bluffs?|Bottom|Branch|Bridge|Brooks?|Burgs?|Camp|Canyon|Cape|Centers?|Circles|Cliffs?|Club|Common|"
    r"Corners?|Course|Courts|Coves?|Creek|Crest|Crossing|Crossroad|Curve|Dale|Dam|Divide|Drives|Estates?|Extensions?|Falls?|"
    r"Ferry|Fields?|Flats?|Fords?|Forest|Forges?|Forks?|Fort|Garden|Gateway|Glens?|Greens?|Groves|Harbors?|Haven|Heights|Hills?|"
    r"Hollow|Inlet|Islands?|Isle|Junctions?|Keys?|Knolls?|Lakes?|Land|Landing|Lights?|Loaf|Locks?|Lodge|Loop|Mall|Manors?|"
    r"Meadows?|Mills?|Mission|Motorway|Mount|Mountains?|Neck|Orchard|Oval|Overpass|Parade|Parks?|Parkways|Pass|Passage|Path|Pike|"
    r"Pines?|Plains?|Plaza|Points?|Ports?|Prairie|Radial|Ramp|Ranch|Rapids?|Rest|Ridges?|River|Roads|Route|Rue|Run|Shoals?|"
    r"Shores?|Skyway|Springs?|Spurs?|Squares|Station|Stravenue|Stream|Streets|Summit|Throughway|Trace|Track|Trafficway|Tunnel|"
    r"Underpass|Unions?|Valleys?|Via|Viaduct|Views?|Villages?|Ville|Vista|Walks|Wall|Ways|Wells?|ut|ter|Hill|Green|Park)\b"
)
# A street's name that ends so, as one word: Germanic and Nordic languages.
_COMPOUND: Final = (
    rf"(?:{_CAP}[a-z\xfe.'-]{{1,24}}(?:strasse|strase|strase|str\.|str|weg|platz|gasse|allee|ufer|damm|steig|gade|gata|gaten|gatan|vej|vejen|"
    r"veien|vegen|vegur|vagen|vag|alle|straat|laan|plein|kade|gracht|singel|dijk|hof|dreef|baan|steenweg|katu|ntie|polku|kuja|"
    r"gatu|stigen|stien|bakken|bakke|vangen|veg|stigur|gotu|torg|torget)\b"
    rf"|(?:{_CAP}[a-z\xfe'.]{{1,24}}-){{1,4}}(?:Strasse|Strase|Str\.|Allee|Platz|Weg|Ring|Gasse|Ufer|Damm|Steig|Laan|Straat|Plein)\b)"
)
# A word that is a kind of street and comes before the name.
_PREFIX: Final = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Bb]d\.?|[Pp]lace|[Cc]hemin|[Ii]mpasse|[Aa]ll.e|[Qq]uai|[Cc]ours|[Ss]quare|[Rr]oute|"
    r"[Cc]alle|[Cc]/|[Aa]venida|[Aa]vda?\.?|[Aa]v\.|[Pp]laza|[Pp]aseo|[Cc]arrer|[Cc]tra\.?|[Cc]arretera|[Cc]amino|[Rr]onda|[Tt]raves.a|"
    r"[Vv]ia|[Vv]iale|[Pp]iazza|[Pp]iazzale|[Cc]orso|[Vv]icolo|[Ll]argo|[Ss]trada|[Rr]ua|[Aa]lameda|[Tt]ravessa|[Pp]raca|[Rr]odovia|"
    r"[Uu]l\.|[Uu]lica|[Aa]l\.|[Pp]l\.|[Ss]tr\.|[Ss]trada|[Uu]litsa|[Jj]l\.?|[Jj]alan|An der|Am|Im|In der|Zur|Zum|"
    r"[Ll]ange|[Oo]ude|[Nn]ieuwe|[Pp]uolikkotie)"
)
_UNIT: Final = (
    r"(?:(?i:apt|apartment|suite|ste|unit|room|rm|floor|fl|flat|bldg|building|dept|lot|space|appt|appartement|wohnung|depto|piso|"
    r"interno|int|bajo|etage|tr|top|puerta)\.? ?#? ?(?:[0-9][A-Za-z0-9-]{0,6}|[A-Za-z](?:[0-9-][A-Za-z0-9-]{0,5})?)|#\s?\d{1,5}[A-Za-z]?|\d{1,2}(?:st|nd|rd|th) [Ff]loor)"
)
_STATE: Final = (
    r"(?:A[LKSZRAPE]|C[AOT]|D[EC]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|"
    r"V[AIT]|W[AIVY]|ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|NSW|VIC|QLD|TAS|ACT)"
)
_POSTAL: Final = r"(?:\d{5}-\d{3,4}|\d{5}|\d{3} \d{2}|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z0-9]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{6}|\d{4}|[A-Z]{1,2}-\d{4,5})"
_TOWN_WORD: Final = rf"(?:(?:St|Ste|Mt|Ft|Pt)\.|{_CAP}[A-Za-z\xc0\xde\xfe'()-]{{1,24}})"
_TOWN: Final = rf"{_TOWN_WORD}(?: (?:{_TOWN_WORD}|{_CAP}|\({_CAP}[a-z\xfe]{{1,24}}\)|de|la|le|du|sur|sous|am|an|der|im|upon|of|del|di|do|da|en|les|and|the)){{0,4}}"
_HOUSE: Final = r"\d{1,5}(?:[-/]\d{1,4})?[A-Za-z]?"
_BEFORE_NAME: Final = rf"{_HOUSE} (?:\d{{1,5}} )?(?:[NSEW]\.? |North |South |East |West )?"
_STREET_NUMBERED: Final = rf"{_BEFORE_NAME}(?:{_NAME} ){{1,4}}{_SUFFIX}(?: [NSEW][EW]?\b)?(?: \d{{1,4}})?"
_STREET_WEAK: Final = rf"{_BEFORE_NAME}(?:{_NAME} ){{1,3}}{_WEAK_SUFFIX}"
_STREET_COMPOUND: Final = (
    rf"(?:{_HOUSE} )?(?:{_NAME} ){{0,2}}{_COMPOUND},? {_HOUSE}|{_HOUSE} (?:{_NAME} ){{0,2}}{_COMPOUND}"
)
_STREET_PREFIXED: Final = rf"{_HOUSE}(?: bis| ter)?,? (?:\d{{1,5}} )?{_PREFIX} (?:{_NAME} ?){{1,6}}(?:,? ?\d{{1,4}})?|{_PREFIX} (?:{_NAME},? ){{1,5}}(?:n\.? ?[o\xba]? ?)?{_HOUSE}"
_BOX: Final = r"(?i:P\.? ?O\.? ?Box|Post Office Box|Postfach|Apartado|Casilla|Caixa Postal|Casella Postale|Boite Postale|B\.P\.) ?#?\d{1,7}"
_MILITARY: Final = rf"(?:(?:PSC|Unit|CMR) \d{{1,5}},? Box \d{{1,5}}|(?:USS|USNS|USNV|USCGC) {_CAP}[A-Za-z\xfe'-]{{1,24}})[ ,\n]{{1,4}}(?:APO|FPO|DPO),? A[AEP] \d{{5}}"
_STREETS: Final = tuple(
    pattern(rf"\b(?:{source})(?:[^A-Za-z0-9_\xc0\xde\xfe]|$)")
    for source in (_STREET_NUMBERED, _STREET_COMPOUND, _STREET_PREFIXED, _BOX)
)
_WEAK: Final = pattern(rf"\b(?:{_STREET_WEAK})(?:[^A-Za-z0-9_\xc0\xde\xfe]|$)")
# Written small, only where a word announces an address.
_CARELESS: Final = pattern(
    r"(?i)\b(\d{1,5} (?:[a-z\xc0\xde\xfe.'-]{1,24} ){1,4}(?:street|st|avenue|ave|road|rd|boulevard|blvd|drive|dr|lane|ln|court|ct|circle|"
    r"terrace|parkway|highway|way))\b|\b(\d{1,5} [a-z\xfe.'-]{3,24}(?:strasse|strase|gata|gatan|vej|vagen|weg|straat|laan|katu)(?: \d{1,4})?|"
    r"[a-z\xfe.'-]{3,24}(?:strasse|strase|gata|gatan|vej|vagen|weg|straat|laan|katu) \d{1,4})\b"
)
_SEPARATOR: Final = r"(?: {0,3},? {0,3}\n? {0,3}[>?]{0,3} {0,3},? {0,3}|, )"
# What may follow a street, tried in this order, and how often.
_PIECES: Final = (
    (pattern(rf"{_SEPARATOR}({_UNIT})(?:[^A-Za-z0-9_]|$)"), 2),
    (pattern(rf"{_SEPARATOR}({_STATE})(?:[^A-Za-z0-9_]|$)"), 1),
    (pattern(rf"{_SEPARATOR}({_POSTAL})(?:[^A-Za-z0-9_]|$)"), 1),
    (pattern(rf"{_SEPARATOR}({_TOWN})(?:[^A-Za-z0-9_\xc0\xde\xfe]|$)"), 2),
)
_PROSE: Final = frozenset(
    b"on in the this that to into of and more less than times hours hour minutes days miles km half a an his her our my your at by "
    b"is are was were people cars houses homes from for with per each every".split()
)
_TOWNS: Final = 3
TOWN: Final = "TOWN"  # a town or country that follows an address; the merging makes it part of it or a LOCATION
_CONNECTORS: Final = frozenset(
    b"the of and de la le du des del della di da do dos van von den der el los las y".split()
)
_SHORTENED: Final = frozenset(
    b"st ave av rd blvd dr ln ct cir pl sq ter pkwy hwy trl cres str u ul".split()
)  # kinds of street
_NOT_TOWNS: Final = frozenset(
    b"phone tel telephone mobile cell fax email e-mail mail website web please thanks thank regards name date dob ssn born "
    b"contact i my the he she we you it they on at in is this that from to and but or if when what where how can could best "
    b"sincerely dear hi hello id account card order note also then after before he's she's i'm his her our your their".split()
)
_MILITARY_ADDRESS: Final = pattern(rf"\b{_MILITARY}")
_ANY_STREET: Final = pattern(
    rf"\b(?:{_STREET_NUMBERED}|{_STREET_COMPOUND}|{_STREET_PREFIXED}|{_BOX}|{_STREET_WEAK}|{_MILITARY})(?:[^A-Za-z0-9_\xc0\xde\xfe]|$)"
)
_ZIP: Final = pattern(rf"\b({_POSTAL})\b")
_US_ZIP: Final = pattern(rf"\b{_STATE},? (\d{{5}}(?:-\d{{4}})?)\b")
_UK_POSTCODE: Final = pattern(
    r"\b((?:GIR 0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d|[A-HK-Y]\d\d|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y])) \d[ABD-HJLNP-UW-Z]{2})\b"
)
_DEGREES: Final = r"[-+]?\d{1,3}\.\d{3,10}"
_GPS: Final = pattern(
    rf"[(\[]?({_DEGREES} ?(?:\xa4|[NSns]\b)? ?[NS]?)(?:,| |, |; | / |,? {{0,2}}[\"']?(?i:lon(?:gitude)?|lng)[\"']?[:=]? ?)(-?\d{{1,3}}\.\d{{3,10}} ?(?:\xa4)? ?[EW]?)"
)
_DMS: Final = pattern(
    r"\d{1,3} ?(?:\xa4|o|deg) ?\d{1,2} ?['m] ?(?:\d{1,2}(?:\.\d{1,4})? ?(?:\"|''|s) ?)?[NS],? {0,2}\d{1,3} ?(?:\xa4|o|deg) ?\d{1,2} ?['m] ?(?:\d{1,2}(?:\.\d{1,4})? ?(?:\"|''|s) ?)?[EWO]"
)


def find_addresses(page: Page) -> Iterator[Finding]:
    if not page.digits:
        return
    announced = "address" in page.topics
    if not announced and not _ANY_STREET.search(page.data):
        return
    for regex in _STREETS:
        for match in regex.finditer(page.data):
            start, end = _street(page, *match.span())
            near = announced and page.near("address", start, end, before=80, after=0)
            yield from _pieces(start, end, _followed(page.data, end), 0.85 if near else 0.7)
    yield from _uncertain(page, announced)
    for start, end in page.matches(_MILITARY_ADDRESS):
        yield Finding(start, end, "STREET_ADDRESS", 0.95)


def _uncertain(page: Page, announced: bool) -> Iterator[Finding]:
    """What must be announced, or go on with a unit, a state or a postal code."""
    for match in _WEAK.finditer(page.data):
        start, end = _street(page, *match.span())
        follows = _followed(page.data, end)
        sure = any(label != TOWN for _, _, label in follows)
        if sure or (announced and page.near("address", start, end, before=60, after=0)):
            yield from _pieces(start, end, follows, 0.7)
    if announced:
        for match in _CARELESS.finditer(page.data):
            start, end = match.span()
            words = page.lower[start:end].split()
            if page.near("address", start, end, before=60, after=0) and not _PROSE.intersection(words):
                yield from _pieces(start, end, _followed(page.data, end), 0.7)


def _street(page: Page, start: int, end: int) -> tuple[int, int]:
    """Leave out the character that the pattern looked ahead at."""
    while end > start and not (chr(page.data[end - 1]).isalnum() or page.data[end - 1] == 46):
        end -= 1
    if page.data[end - 1] == 46 and page.lower[start : end - 1].split(b" ")[-1] not in _SHORTENED:
        end -= 1  # the sentence's stop
    head, _, last = page.data[start:end].rpartition(b" ")
    return (start, start + len(head)) if last in _CONNECTORS else (start, end)


def _pieces(start: int, end: int, follows: list[tuple[int, int, str]], score: float) -> Iterator[Finding]:
    yield Finding(start, end, "STREET_ADDRESS", score)
    for first, last, label in follows:
        yield Finding(first, last, label, score)


def _followed(data: bytes, end: int) -> list[tuple[int, int, str]]:
    """Return what goes on with an address: unit, town, state, postal code and country, each with its label."""
    found: list[tuple[int, int, str]] = []
    left = [times for _, times in _PIECES]
    going = True
    while going:
        going = False
        for place, (regex, _) in enumerate(_PIECES):
            match = regex.match(data, end) if left[place] else None
            if match and not (place == _TOWNS and _no_town(data, *match.span(1))):
                start, end = match.span(1)
                end -= data[end - 1] == 46 and place != _TOWNS
                if place == _TOWNS:
                    end = _without_connectors(data, start, end)
                found.append((start, end, TOWN if place == _TOWNS else "STREET_ADDRESS"))
                left[place] -= 1
                going = True
                break
    return found


def _without_connectors(data: bytes, start: int, end: int) -> int:
    """Return where a town's name ends, without the small words that the sentence goes on with."""
    words = data[start:end].split(b" ")
    while len(words) > 1 and words[-1].lower() in _CONNECTORS:
        words.pop()
    return start + len(b" ".join(words))


def _no_town(data: bytes, start: int, end: int) -> bool:
    words = data[start:end].lower().split()
    return data[end : end + 1] in (b":", b"@", b"=") or any(word.strip(b".,") in _NOT_TOWNS for word in words[:1])


def find_postal_codes(page: Page) -> Iterator[Finding]:
    if "zip" in page.topics:
        for start, end in page.matches(_ZIP):
            if page.isolated(start, end) and page.near("zip", start, end, before=24, after=0):
                yield Finding(start, end, "ZIP_CODE", 0.7)
    if page.numeric and page.digits >= 5:
        for start, end in page.matches(_US_ZIP):
            yield Finding(start, end, "ZIP_CODE", 0.7)
    if page.numeric:
        for start, end in page.matches(_UK_POSTCODE):
            yield Finding(start, end, "ZIP_CODE", 0.65)


def find_coordinates(page: Page) -> Iterator[Finding]:
    if page.digits < 6:
        return
    for match in _GPS.finditer(page.data) if page.numeric and page.data.count(b".") > 1 else ():
        start, end = match.span(1)[0], match.span(2)[1]
        if page.isolated(start, end) and _on_earth(page.text(*match.span(1)), page.text(*match.span(2))):
            score = 0.9 if page.near("gps", start, end) else _precision(page.text(start, end))
            if score:
                yield Finding(start, end, "GPS_COORDINATES", score)
    if b"\xa4" in page.data or "gps" in page.topics:
        for start, end in page.matches(_DMS):
            yield Finding(start, end, "GPS_COORDINATES", 0.9)


def _on_earth(latitude: str, longitude: str) -> bool:
    return abs(_number(latitude)) <= 90 and abs(_number(longitude)) <= 180


def _number(text: str) -> float:
    return float("".join(char for char in text if char in "+-.0123456789"))


def _precision(text: str) -> float:
    """Two decimals of four places or more, with a hemisphere: a place even without a word that says so."""
    return 0.7 if any(char in text for char in "NSEW") else 0.0
