"""Personal data: every type in several forms, and what only looks like it."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchers.pii.keccak import keccak256
from watchers.pii.watcher import Pii, PiiOptions, make
from watchers.registry import Order
from watchers.watcher import Direction, Origin, Record, Role, WatcherError

PII = Pii()


def found(text: str, pii: Pii = PII) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.label) for span in pii.spans(text)]


def record(text: str) -> Record:
    return Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT)


# A text, the value in it, its type.
POSITIVE = [
    ("write to ann.lee+news@mail.example.co.uk today", "ann.lee+news@mail.example.co.uk", "EMAIL_ADDRESS"),
    ("<mailto:bob_99@uni-koeln.de>", "bob_99@uni-koeln.de", "EMAIL_ADDRESS"),
    ("to=carol@example.org&x=1", "carol@example.org", "EMAIL_ADDRESS"),
    ("пишите на имя@почта.рф", "имя@почта.рф", "EMAIL_ADDRESS"),
    ("邮箱li.wei@example.cn谢谢", "li.wei@example.cn", "EMAIL_ADDRESS"),
    ("dave [at] example [dot] com", "dave [at] example [dot] com", "EMAIL_ADDRESS"),
    ("reach me: erin(at)example.com", "erin(at)example.com", "EMAIL_ADDRESS"),
    ("frank%40example.com", "frank%40example.com", "EMAIL_ADDRESS"),
    ("call +1 212-736-5000 now", "+1 212-736-5000", "PHONE_NUMBER"),
    ("(212) 736-5000", "(212) 736-5000", "PHONE_NUMBER"),
    ("212.736.5000 x12", "212.736.5000 x12", "PHONE_NUMBER"),
    ("Tel.: +49 (0)30 901820", "+49 (0)30 901820", "PHONE_NUMBER"),
    ("ring 020 7946 0958 tonight", "020 7946 0958", "PHONE_NUMBER"),
    ("mobile 07700 900123", "07700 900123", "PHONE_NUMBER"),
    ("téléphone : 01 42 68 53 00", "01 42 68 53 00", "PHONE_NUMBER"),
    ("Rufnummer 030/12345678", "030/12345678", "PHONE_NUMBER"),
    ("电话13800138000", "13800138000", "PHONE_NUMBER"),
    ("9469 9966 office", "9469 9966", "PHONE_NUMBER"),
    ("my number is 5551234567", "5551234567", "PHONE_NUMBER"),
    ("4111 1111 1111 1111", "4111 1111 1111 1111", "CREDIT_CARD"),
    ("5500-0000-0000-0004", "5500-0000-0000-0004", "CREDIT_CARD"),
    ("378282246310005", "378282246310005", "CREDIT_CARD"),
    ("3782 822463 10005", "3782 822463 10005", "CREDIT_CARD"),
    ("6011111111111117", "6011111111111117", "CREDIT_CARD"),
    ("3530111333300000", "3530111333300000", "CREDIT_CARD"),
    ("30569309025904", "30569309025904", "CREDIT_CARD"),
    ("card: 6759649826438453", "6759649826438453", "CREDIT_CARD"),
    ("４１１１１１１１１１１１１１１１", "４１１１１１１１１１１１１１１１", "CREDIT_CARD"),
    ("GB82 WEST 1234 5698 7654 32 please", "GB82 WEST 1234 5698 7654 32", "IBAN_CODE"),
    ("de89370400440532013000", "de89370400440532013000", "IBAN_CODE"),
    ("FR14 2004 1010 0505 0001 3M02 606", "FR14 2004 1010 0505 0001 3M02 606", "IBAN_CODE"),
    ("SSN 536-90-4399", "536-90-4399", "US_SSN"),
    ("social security number 536904399", "536904399", "US_SSN"),
    ("536 90 4399", "536 90 4399", "US_SSN"),
    ("ITIN 912-90-3456", "912-90-3456", "US_ITIN"),
    ("NHS number 943 476 5919", "943 476 5919", "UK_NHS"),
    ("NI number AB 12 34 56 C", "AB 12 34 56 C", "UK_NINO"),
    ("Aadhaar 2341 2341 2346", "2341 2341 2346", "IN_AADHAAR"),
    ("PAN card ACUPA7085R", "ACUPA7085R", "IN_PAN"),
    ("CPF 390.533.447-05", "390.533.447-05", "BR_CPF"),
    ("cpf: 39053344705", "39053344705", "BR_CPF"),
    ("DNI 12345678Z", "12345678Z", "ES_NIF"),
    ("NIE X-2482300-W", "X-2482300-W", "ES_NIE"),
    ("codice fiscale RCCMNL83S18D969H", "RCCMNL83S18D969H", "IT_FISCAL_CODE"),
    ("BSN 111222333", "111222333", "NL_BSN"),
    ("2 95 10 99 126 111 93", "2 95 10 99 126 111 93", "FR_NIR"),
    ("PESEL 44051401359", "44051401359", "PL_PESEL"),
    ("SIN: 123-456-782", "123-456-782", "CA_SIN"),
    ("tax file number 123 456 782", "123 456 782", "AU_TFN"),
    ("Steuer-ID 36 574 261 809", "36 574 261 809", "DE_TAX_ID"),
    ("personnummer 880320-0016", "880320-0016", "SE_PERSONNUMMER"),
    ("131052-308T", "131052-308T", "FI_HETU"),
    ("CPR 211062-5629", "211062-5629", "DK_CPR"),
    ("756.9217.0769.85", "756.9217.0769.85", "CH_AHV"),
    ("85.07.30-033.28", "85.07.30-033.28", "BE_NATIONAL_NUMBER"),
    ("rodne cislo 710319/2745", "710319/2745", "CZ_RODNE_CISLO"),
    ("身份证号 11010519491231002X", "11010519491231002X", "CN_RESIDENT_ID"),
    ("S1234567D", "S1234567D", "SG_NRIC_FIN"),
    ("RUT 12.531.909-2", "12.531.909-2", "CL_RUT"),
    ("CURP BOXW310820HNERXN09", "BOXW310820HNERXN09", "MX_CURP"),
    ("HKID A123456(3)", "A123456(3)", "HK_ID"),
    ("passport number: X1234567", "X1234567", "PASSPORT"),
    ("Reisepass C01X00T47", "C01X00T47", "PASSPORT"),
    ("护照 passport E12345678", "E12345678", "PASSPORT"),
    ("driver's license D123-4567-8901 expires", "D123-4567-8901", "DRIVER_LICENSE"),
    ("MORGA657054SM9IJ", "MORGA657054SM9IJ", "DRIVER_LICENSE"),
    ("license plate 7ABC123", "7ABC123", "LICENSE_PLATE"),
    ("VIN 1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "VEHICLE_ID"),
    ("IMEI 490154203237518", "490154203237518", "DEVICE_ID"),
    ("MRN 00482213", "00482213", "MEDICAL_RECORD"),
    ("policy number AB-1234567", "AB-1234567", "INSURANCE_NUMBER"),
    ("NPI 1234567893", "1234567893", "US_NPI"),
    ("routing number 021000021", "021000021", "ROUTING_NUMBER"),
    ("account number 12345678", "12345678", "BANK_NUMBER"),
    ("sort code 20-00-00", "20-00-00", "BANK_NUMBER"),
    ("from 8.8.8.8, blocked", "8.8.8.8", "IP_ADDRESS"),
    ("host 203.0.113.9:8080", "203.0.113.9", "IP_ADDRESS"),
    ("2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3::8a2e:370:7334", "IP_ADDRESS"),
    ("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "6e40:4041:c617:e898:c11:40d2:c669:2eb4", "IP_ADDRESS"),
    ("00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E", "MAC_ADDRESS"),
    ("00-1a-2b-3c-4d-5e", "00-1a-2b-3c-4d-5e", "MAC_ADDRESS"),
    ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "CRYPTO"),
    ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "CRYPTO"),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "CRYPTO"),
    ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "CRYPTO"),
    ("born on May 3, 1984 in Rome", "May 3, 1984", "DATE_OF_BIRTH"),
    ("DOB: 03/05/1984", "03/05/1984", "DATE_OF_BIRTH"),
    ("geboren am 3. Mai 1984", "3. Mai 1984", "DATE_OF_BIRTH"),
    ("date de naissance : 3 février 1984", "3 février 1984", "DATE_OF_BIRTH"),
    ("出生于1984年5月3日", "1984年5月3日", "DATE_OF_BIRTH"),
    ("on 2018-02-24 12:45:18, it rained", "2018-02-24 12:45:18", "DATE_TIME"),
    ("gps 40.7128, -74.0060", "40.7128, -74.0060", "GPS_COORDINATES"),
    ("40°26'46\"N 79°58'56\"W", "40°26'46\"N 79°58'56\"W", "GPS_COORDINATES"),
    ("at 123 Main Street, Apt 4B, Springfield, IL 62704.", "123 Main Street, Apt 4B, Springfield, IL 62704", "STREET_ADDRESS"),
    ("221B Baker Street, London NW1 6XE", "221B Baker Street, London NW1 6XE", "STREET_ADDRESS"),
    ("Hauptstraße 12, 10115 Berlin", "Hauptstraße 12, 10115 Berlin", "STREET_ADDRESS"),
    ("24 Rue de la Paix, 75002 Paris", "24 Rue de la Paix, 75002 Paris", "STREET_ADDRESS"),
    ("Calle Mayor 5, 28013 Madrid", "Calle Mayor 5, 28013 Madrid", "STREET_ADDRESS"),
    ("P.O. Box 287", "P.O. Box 287", "STREET_ADDRESS"),
    ("Unit 4719 Box 7394\nDPO AP 70942", "Unit 4719 Box 7394\nDPO AP 70942", "STREET_ADDRESS"),
    ("I live at 12 oak lane, springfield", "12 oak lane", "STREET_ADDRESS"),
    ("zip code 90210", "90210", "ZIP_CODE"),
    ("see https://www.example.com/a?b=1.", "https://www.example.com/a?b=1", "URL"),
    ("username: dark_lord99", "dark_lord99", "USERNAME"),
    ("thanks @jane_doe for this", "@jane_doe", "USERNAME"),
]  # fmt: skip

# Checksums that fail, and things of other kinds.
NEGATIVE = [
    "4111 1111 1111 1112",
    "order 4111111111111112345678",
    "GB82 WEST 1234 5698 7654 33",
    "your dog is 10 years old then in his first year",
    "SSN 000-12-3456, 666-12-3456, 078-05-1120",
    "NHS number 943 476 5918",
    "CPF 390.533.447-06",
    "12345678A",
    "codice fiscale RCCMNL83S18D969I",
    "S1234567A",
    "756.9217.0769.84",
    "routing number 021000022",
    "VIN 1M8GDM9A1KP042788",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
    "256.300.1.1 and 1.2.3 and version 1.2.3.4",
    "10.0.0.1, 127.0.0.1, 192.168.1.20, ::1",
    "00:00:00:00:00:00 at 12:34:56",
    "git@github.com:org/repo.git and numpy@1.26.0 and user@localhost.",
    "3.14159265358979, 1,234,567.89, 10 000 000 and 16-3-4=9",
    "1999-2003, pages 1200-1250, ISBN 0-201-51810-4, $5000000",
    "the drive holds 2400 / 200 files; 0900-0130 hours",
    "Spring 2020, Offering 12, Katie 12, 22 cars on this street",
    "@dataclass\nclass A:\n    @property\n    def b(self): ...",
    "license MIT, version 2.0; passport control opens at 8",
    "latitude 95.1234, longitude 200.5678",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "label"), POSITIVE)
def test_finds(text: str, value: str, label: str) -> None:
    assert (value, label) in found(text)


@pytest.mark.parametrize("text", NEGATIVE)
def test_leaves_alone(text: str) -> None:
    assert [label for _, label in found(text) if PII.labels[label] < 1.0] == []


def test_spans_are_characters_of_the_original_text_whatever_stands_before() -> None:
    for before in ("", "😀👩‍👩‍👧 ", "e\u0301a\u0308 ", "\ud800 ", "日本語 ", "\u200b\u200b", "Ｆｕｌｌ "):
        text = f"{before}ann@example.com"
        assert found(text) == [("ann@example.com", "EMAIL_ADDRESS")]


def test_invisible_characters_hide_nothing() -> None:
    hidden = "\u200b".join("ann@example.com")
    assert found(f"to {hidden}!") == [(hidden, "EMAIL_ADDRESS")]
    assert found("card 4111\u200d1111\u00a01111\u2011111１") == []
    assert ("4111\u00a01111\u00a01111\u00a0111１", "CREDIT_CARD") in found("4111\u00a01111\u00a01111\u00a0111１")


def test_one_type_for_each_character() -> None:
    text = "ann@example.com 4111 1111 1111 1111 https://example.com/?q=bob@example.com 12 Main Street, NY 10001"
    spans = PII.spans(text)
    assert all(one.end <= two.start for one, two in itertools.pairwise(spans))


def test_every_label_has_a_score_and_what_is_only_marked_does_not_flag() -> None:
    judgement = PII.watch([record("I was in Rome on 2018-02-24, see https://example.com")])[0]
    verdicts = {verdict.label: verdict for verdict in judgement.verdicts}
    assert list(verdicts) == list(PII.labels)
    assert verdicts["DATE_TIME"].spans
    assert not any(verdict.flagged for verdict in judgement.verdicts)
    assert verdicts["CREDIT_CARD"].score == 0.0


def test_a_find_flags_with_its_span() -> None:
    verdict = next(v for v in PII.watch([record("mail ann@example.com")])[0].verdicts if v.label == "EMAIL_ADDRESS")
    assert verdict.flagged
    assert verdict.score == 0.98
    assert [(span.start, span.end) for span in verdict.spans] == [(5, 20)]


def test_empty_and_past_the_budget_are_counted_as_skipped() -> None:
    pii = Pii(options=PiiOptions(max_chars=20))
    empty, long = pii.watch([record(""), record("ann@example.com " + "x" * 20 + " bob@example.com")])
    assert (empty.verdicts, empty.skipped) == ((), "empty")
    assert long.skipped == "budget"
    assert [v.label for v in long.verdicts if v.flagged] == ["EMAIL_ADDRESS"]


def test_allow_and_deny_lists() -> None:
    pii = Pii(
        options=PiiOptions(
            allow=("Support@Example.com",), allow_patterns=(r".*@corp\.example",), deny=("Project Zeus",)
        )
    )
    text = "support@example.com, x@corp.example, ann@example.com, PROJECT ZEUS"
    assert found(text, pii) == [("ann@example.com", "EMAIL_ADDRESS"), ("PROJECT ZEUS", "DENIED_TERM")]


def test_switches_by_type_country_and_private_addresses() -> None:
    assert found("CPF 390.533.447-05", Pii(options=PiiOptions(without_countries=("BR",)))) == []
    assert found("ann@example.com", Pii(options=PiiOptions(without=("EMAIL_ADDRESS",)))) == []
    assert found("ip 10.0.0.1", Pii(options=PiiOptions(private_addresses=True))) == [("10.0.0.1", "IP_ADDRESS")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"nosuch": 1}, "its options are countries"),
        ({"countries": ["XX"]}, "'XX' has no telephone plan"),
        ({"allow_patterns": ["(?=x)"]}, "use RE2 syntax"),
        ({"max_chars": "many"}, "$.max_chars"),
    ],
)
def test_wrong_options_say_what_to_change(options: dict[str, object], expected: str) -> None:
    with pytest.raises(WatcherError) as raised:
        make(Order("pii", options=options))
    assert expected in str(raised.value)


def test_thresholds_make_a_marked_type_flag() -> None:
    pii = make(Order("pii", thresholds={"DATE_TIME": 0.5}))
    assert [v.label for v in pii.watch([record("on 2018-02-24")])[0].verdicts if v.flagged] == ["DATE_TIME"]


def test_the_order_of_a_batch_does_not_matter() -> None:
    records = [record(text) for text, _, _ in POSITIVE]
    shuffled = random.Random(1).sample(range(len(records)), len(records))
    straight = PII.watch(records)
    mixed = PII.watch([records[place] for place in shuffled])
    assert [mixed[shuffled.index(place)] for place in range(len(records))] == straight


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*(text for text, _, _ in POSITIVE), "\u200b", "\ud800", "é", "😀", " ", "-", "("]), max_size=6
    ),
    st.text(),
)
def test_any_text_gives_spans_inside_it(pieces: list[str], rest: str) -> None:
    text = "".join(pieces) + rest
    for span in PII.spans(text):
        assert 0 <= span.start < span.end <= len(text)
        assert 0.5 <= span.score < 1.0
        assert span.label in PII.labels


def test_ten_megabytes_are_bounded() -> None:
    text = "call 555-1234 or ann@example.com on 1/2/2001; " * 230_000
    judgement = PII.watch([record(text)])[0]
    assert judgement.skipped == "budget"
    assert max(span.end for verdict in judgement.verdicts for span in verdict.spans) <= 1_000_000


def test_keccak_is_the_one_of_ethereum() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"a" * 200).hex() == "96ea54061def936c4be90b518992fdc6f12f535068a256229aca54267b4d084d"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Send the keys to Haravakatu 21.", "Haravakatu 21"),
        ("Take me to 56 Devane Street. Now", "56 Devane Street"),
        ("I live at 56 Devane St. in town", "56 Devane St."),
        ("resident at Dina-Wulff-Allee 18", "Dina-Wulff-Allee 18"),
    ],
)
def test_a_sentences_stop_is_no_part_of_an_address(text: str, address: str) -> None:
    assert [text[span.start : span.end] for span in Pii().spans(text)] == [address]
