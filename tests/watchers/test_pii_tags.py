"""The pack's tags beside the patterns: what is believed, and how both become one set of spans."""

import pytest

from watchers.encoder import PackEncoder
from watchers.pii.merge import merged
from watchers.pii.trust import trusted
from watchers.registry import build
from watchers.watcher import Direction, Origin, Record, Role, Span


def tag(text: str, value: str, label: str, score: float = 0.9) -> Span:
    return Span(text.index(value), text.index(value) + len(value), label, score)


@pytest.mark.parametrize(
    ("text", "value", "label", "believed"),
    [
        ("ring 555 123 4567", "555 123 4567", "PHONE_NUMBER", True),
        ("12*52=624 eggs", "52=624", "PHONE_NUMBER", False),
        ("30 + 46 + 38 + 11 eggs", "30 + 46 + 38 + 11", "PHONE_NUMBER", False),
        ("port 11108", "11108", "PHONE_NUMBER", False),
        ("for $75 a day", "75", "STREET_ADDRESS", False),
        ("at 75 Oak Hill", "75 Oak Hill", "STREET_ADDRESS", True),
        ("id AB99812", "AB99812", "ID_NUMBER", True),
        ("x = 3", "3", "ID_NUMBER", False),
        ("order ORD-00840 came", "00840", "ID_NUMBER", False),
        ("fixed in ca41f97a72 today", "ca41f97a72", "ID_NUMBER", False),
        ("account MW-5658-YC", "MW-5658-YC", "ID_NUMBER", True),
        ("ISBN 978-3-84-830946-2", "978-3-84-830946-2", "ID_NUMBER", False),
        ("[66792839] done in 7 ms", "66792839", "PHONE_NUMBER", False),
        ("flight XY905-3924493-6298334", "3924493-6298334", "PHONE_NUMBER", False),
        ("on 08 09 1944", "08 09 1944", "PHONE_NUMBER", False),
        ("seat 7A, gate 46", "7A, gate 46", "STREET_ADDRESS", False),
        ("tickets at $4. How many", "4. How", "STREET_ADDRESS", False),
        ("must be 54 inches tall", "54 inches", "STREET_ADDRESS", False),
        ("a flat of 63 square metres", "63 square metres", "STREET_ADDRESS", False),
        ("der Zug fährt um 32 Uhr ab", "fährt um 32 Uhr ab", "STREET_ADDRESS", False),
        ("the room on floor 87 is", "floor 87", "STREET_ADDRESS", False),
        ("47.5 km of road", "5 km of road", "STREET_ADDRESS", False),
        ("Answer: 160", "Answer: 160", "STREET_ADDRESS", False),
        ("the new budget is $90 because 75 + 15 = 90", "90 because 75", "STREET_ADDRESS", False),
        ("in 328 BC the king", "328 BC", "STREET_ADDRESS", False),
        ("along Route 67 to", "Route 67", "STREET_ADDRESS", False),
        ("Timdreef 58 5411CF Malden", "Timdreef 58", "STREET_ADDRESS", True),
        ("12 Long Lane, floor 3", "12 Long Lane, floor 3", "STREET_ADDRESS", True),
        ("20/187, Chandran Ganj", "20/187, Chandran Ganj", "STREET_ADDRESS", True),
        ("4 By St, over 5 feet high", "4 By St", "STREET_ADDRESS", True),
        ("北京建国路93号", "建国路93号", "STREET_ADDRESS", True),
        ("8 Mile Road", "8 Mile Road", "STREET_ADDRESS", True),
        ("3333 M Street NW", "3333 M Street NW", "STREET_ADDRESS", True),
        ("Route de Lyon 12", "Route de Lyon 12", "STREET_ADDRESS", True),
        ("on Tuesday", "Tuesday", "DATE_TIME", True),
        ("is 21", "21", "DATE_TIME", False),
        ("Ann said", "Ann", "PERSON", True),
    ],
)
def test_what_is_believed(text: str, value: str, label: str, believed: bool) -> None:
    assert bool(trusted(text, [tag(text, value, label)], [])) == believed


def test_pieces_of_an_address_are_believed_beside_one_another() -> None:
    text = "to 75,\n Oak Hill, Oslo 0181 and 33 eggs"
    pieces = [tag(text, "75", "STREET_ADDRESS"), tag(text, "Oak Hill", "STREET_ADDRESS"), tag(text, "Oslo", "LOCATION")]
    pieces += [tag(text, "0181", "STREET_ADDRESS"), tag(text, "33", "STREET_ADDRESS")]
    assert [text[span.start : span.end] for span in trusted(text, pieces, [])] == ["75", "Oak Hill", "Oslo", "0181"]


def test_a_models_date_of_birth_is_a_date_unless_words_say_birth() -> None:
    text = "died in 1971"
    assert [span.label for span in trusted(text, [tag(text, "1971", "DATE_OF_BIRTH")], [])] == ["DATE_TIME"]


def test_patterns_win_over_tags_and_pieces_of_one_address_are_united() -> None:
    patterns = [Span(0, 15, "EMAIL_ADDRESS", 0.98), Span(20, 40, "STREET_ADDRESS", 0.7)]
    tags = [Span(0, 3, "PERSON", 0.99), Span(35, 55, "STREET_ADDRESS", 0.8), Span(50, 54, "LOCATION", 0.9)]
    assert merged(patterns, tags) == [Span(0, 15, "EMAIL_ADDRESS", 0.98), Span(20, 55, "STREET_ADDRESS", 0.8)]


def test_the_longest_of_a_kind_wins_and_a_checksum_over_a_shape() -> None:
    both = [Span(0, 12, "PHONE_NUMBER", 0.9), Span(2, 11, "US_SSN", 0.98)]
    assert merged(both) == [Span(2, 11, "US_SSN", 0.98)]


def test_names_come_from_the_pack_and_are_marked_only(encoder: PackEncoder) -> None:
    pii = build(["pii"], {}, encoder)[0]
    text = "My name is Maria Gonzalez and my mail is maria.g@example.com."
    verdicts = pii.watch([Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT)])[0].verdicts
    found = {
        verdict.label: [text[span.start : span.end] for span in verdict.spans] for verdict in verdicts if verdict.spans
    }
    assert found == {"PERSON": ["Maria Gonzalez"], "EMAIL_ADDRESS": ["maria.g@example.com"]}
    assert [verdict.label for verdict in verdicts if verdict.flagged] == ["EMAIL_ADDRESS"]
    assert pii.model == f"pii-patterns-1+{encoder.model}"


def test_an_address_is_one_span_and_a_town_that_the_pack_calls_a_place_is_its_own() -> None:
    text = "at 12 Oak Street, Springfield, IL 62701."
    pieces = [
        tag(text, "12 Oak Street", "STREET_ADDRESS", 0.7),
        tag(text, "Springfield", "TOWN", 0.7),
        tag(text, "IL", "STREET_ADDRESS", 0.7),
        tag(text, "62701", "STREET_ADDRESS", 0.7),
    ]
    spelt = lambda spans: [(text[span.start : span.end], span.label) for span in spans]  # noqa: E731
    assert spelt(merged(pieces, [], text)) == [("12 Oak Street, Springfield, IL 62701", "STREET_ADDRESS")]
    place = [tag(text, "Springfield", "LOCATION")]
    assert spelt(merged(pieces, place, text)) == [
        ("12 Oak Street", "STREET_ADDRESS"),
        ("Springfield", "LOCATION"),
        ("IL 62701", "STREET_ADDRESS"),
    ]


def test_whose_an_address_is_and_the_number_behind_it_are_no_part_of_it() -> None:
    text = "Acme\n12 Oak Street\nCork\n555 123 4567"
    patterns = [tag(text, "12 Oak Street", "STREET_ADDRESS"), tag(text, "555 123 4567", "PHONE_NUMBER")]
    tags = [Span(0, len(text) - 4, "STREET_ADDRESS", 0.8)]
    assert [(text[span.start : span.end], span.label) for span in merged(patterns, tags, text)] == [
        ("12 Oak Street\nCork", "STREET_ADDRESS"),
        ("555 123 4567", "PHONE_NUMBER"),
    ]


def test_addresses_one_below_the_other_stay_two() -> None:
    text = "12 Oak Street, Cork\n7 Elm Road, Cork"
    pieces = [tag(text, value, "STREET_ADDRESS", 0.7) for value in ("12 Oak Street", "7 Elm Road")]
    assert [text[span.start : span.end] for span in merged([*pieces, tag(text, "Cork", "TOWN", 0.7)], [], text)] == [
        "12 Oak Street, Cork",
        "7 Elm Road",
    ]


def test_what_is_left_of_a_tagged_address_beside_a_checked_number_needs_a_digit():
    text = "Refund me to IBAN DE89 3704 0044 0532 0130 00, please"
    number = Span(18, 45, "IBAN_CODE", 0.98)
    assert merged([number], [Span(13, 45, "STREET_ADDRESS", 0.7)], text) == [number]


def test_a_tagged_part_of_a_number_becomes_the_whole() -> None:
    text = "BSN 911.195.715-32, please"
    assert [text[s.start : s.end] for s in trusted(text, [tag(text, "195.715-32", "ID_NUMBER")], [])] == [
        "911.195.715-32"
    ]
