import numpy as np

from watchers.encoding import Encoding, Window
from watchers.tags import TAGS, entities


def window(text, words):
    """A window whose tokens are the given (piece, tag) in order."""
    offsets, tags, at = [], [], 0
    for piece, tag in words:
        at = text.index(piece, at)
        offsets.append((at, at + len(piece)))
        at += len(piece)
        row = np.full(len(TAGS), 0.01, np.float32)
        row[TAGS.index(tag)] = 1 - 0.01 * (len(TAGS) - 1)
        tags.append(row)
    return Window(offsets[0][0], offsets[-1][1], {}, np.array(offsets, np.int32), np.array(tags, np.float32))


def found(text, *windows):
    return [
        (text[span.start : span.end], span.label)
        for span in entities(Encoding(windows, np.zeros(384, np.float32)), text)
    ]


def test_pieces_become_words_and_words_entities():
    text = "I met Anna Schmidthuber in Oslo"
    one = window(
        text,
        [
            ("I", "O"),
            ("met", "O"),
            ("Anna", "B-PERSON"),
            ("Schmidt", "I-PERSON"),
            ("huber", "O"),
            ("in", "O"),
            ("Oslo", "B-LOCATION"),
        ],
    )
    assert found(text, one) == [("Anna Schmidthuber", "PERSON"), ("Oslo", "LOCATION")]


def test_a_beginning_ends_the_entity_before():
    text = "Anna Bob"
    assert found(text, window(text, [("Anna", "B-PERSON"), ("Bob", "B-PERSON")])) == [
        ("Anna", "PERSON"),
        ("Bob", "PERSON"),
    ]


def test_titles_and_punctuation_are_no_part_of_a_name():
    text = 'Dr. Anna Li\'s "dog"'
    pieces = [
        ("Dr", "B-PERSON"),
        (".", "I-PERSON"),
        ("Anna", "I-PERSON"),
        ("Li", "I-PERSON"),
        ("'", "I-PERSON"),
        ("s", "I-PERSON"),
    ]
    assert found(text, window(text, pieces)) == [("Anna Li", "PERSON")]


def test_a_title_alone_is_nobody():
    text = "Dr. who"
    assert found(text, window(text, [("Dr", "B-PERSON"), (".", "I-PERSON"), ("who", "O")])) == []


def test_an_abbreviation_keeps_its_stop():
    text = "Acme Inc. is here"
    assert found(
        text, window(text, [("Acme", "B-ORGANIZATION"), ("Inc", "I-ORGANIZATION"), (".", "I-ORGANIZATION")])
    ) == [("Acme Inc.", "ORGANIZATION")]


def test_overlapping_windows_speak_once():
    text = "Anna and Bob and Eve"
    first = window(text, [("Anna", "B-PERSON"), ("and", "O"), ("Bob", "B-PERSON")])
    second = window(text[9:], [("Bob", "B-PERSON"), ("and", "O"), ("Eve", "B-PERSON")])
    moved = Window(9, 20, {}, second.offsets + 9, second.tags)
    assert found(text, first, moved) == [("Anna", "PERSON"), ("Bob", "PERSON"), ("Eve", "PERSON")]


def test_real_names_are_found(encoder):
    text = "My name is Maria Gonzalez and I work for Siemens in Berlin."
    spans = {(text[span.start : span.end], span.label) for span in entities(encoder.encode([text])[0], text)}
    assert {("Maria Gonzalez", "PERSON"), ("Siemens", "ORGANIZATION"), ("Berlin", "LOCATION")} <= spans


def test_a_text_without_names_has_none(encoder):
    text = "how do i boil an egg for ten minutes"
    assert entities(encoder.encode([text])[0], text) == []


def test_initials_are_one_word_and_keep_their_stops():
    text = "in the U.S. and the U.K"
    pieces = [("in", "O"), ("the", "O"), ("U", "B-LOCATION"), (".", "O"), ("S", "B-LOCATION"), (".", "O"), ("and", "O")]
    pieces += [("the", "O"), ("U", "B-LOCATION"), (".", "I-LOCATION"), ("K", "I-LOCATION")]
    assert found(text, window(text, pieces)) == [("U.S.", "LOCATION"), ("U.K", "LOCATION")]


def test_a_name_ends_with_its_line_and_an_address_does_not():
    text = "Ann Lee\nAcme\n12 Oak Rd\nApt 3"
    pieces = [("Ann", "B-PERSON"), ("Lee", "I-PERSON"), ("Acme", "I-PERSON"), ("12", "B-STREET_ADDRESS")]
    pieces += [(word, "I-STREET_ADDRESS") for word in ("Oak", "Rd", "Apt", "3")]
    assert found(text, window(text, pieces)) == [
        ("Ann Lee", "PERSON"),
        ("Acme", "PERSON"),
        ("12 Oak Rd\nApt 3", "STREET_ADDRESS"),
    ]


def test_a_companys_form_and_an_abbreviations_stop_belong_to_the_name():
    text = "Acme Foods, Inc. hired John Doe Jr. yesterday."
    pieces = [("Acme", "B-ORGANIZATION"), ("Foods", "I-ORGANIZATION"), (",", "O"), ("Inc", "O"), (".", "O")]
    pieces += [("hired", "O"), ("John", "B-PERSON"), ("Doe", "I-PERSON"), ("Jr", "I-PERSON"), (".", "O")]
    assert found(text, window(text, pieces)) == [("Acme Foods, Inc.", "ORGANIZATION"), ("John Doe Jr.", "PERSON")]


def test_a_place_of_two_words_that_both_look_like_beginnings_is_one():
    text = "to New York now"
    one = window(text, [("to", "O"), ("New", "B-LOCATION"), ("York", "B-LOCATION"), ("now", "O")])
    one.tags[2, TAGS.index("I-LOCATION")] = 0.35
    one.tags[2, TAGS.index("B-LOCATION")] = 0.5
    assert found(text, one) == [("New York", "LOCATION")]


def test_what_is_written_small_is_cut_off_a_name_that_has_capitals():
    text = "Atwick parish and de la Cruz"
    pieces = [
        ("Atwick", "B-LOCATION"),
        ("parish", "I-LOCATION"),
        ("and", "O"),
        ("de", "B-PERSON"),
        ("la", "I-PERSON"),
        ("Cruz", "I-PERSON"),
    ]
    assert found(text, window(text, pieces)) == [("Atwick", "LOCATION"), ("de la Cruz", "PERSON")]


def doubtful(text, piece, tag):
    one = window(text, [(piece, tag)])
    one.tags[:] = 0.3 / (len(TAGS) - 1)
    one.tags[0, TAGS.index(tag)] = 0.7
    return one


def test_a_doubtful_small_word_is_a_name_only_where_all_is_small():
    assert found("meet ravi there", doubtful("meet ravi there", "ravi", "B-PERSON")) == [("ravi", "PERSON")]
    text = "The Church kept holy water"
    assert found(text, doubtful(text, "holy", "B-ORGANIZATION")) == []


def test_a_number_is_no_name():
    assert found("Order 311", window("Order 311", [("311", "B-ORGANIZATION")])) == []
    assert found("北京", window("北京", [("北京", "B-LOCATION")])) == [("北京", "LOCATION")]


def test_a_company_goes_on_with_its_kind_and_form_once():
    text = "at Tata Consultancy Services, Inc. in Pune"
    pieces = [
        ("Tata", "B-ORGANIZATION"),
        ("Consultancy", "I-ORGANIZATION"),
        ("Services", "O"),
        ("Inc", "B-ORGANIZATION"),
    ]
    assert found(text, window(text, pieces)) == [("Tata Consultancy Services, Inc.", "ORGANIZATION")]


def test_a_double_name_is_whole():
    text = "Fatima Al-Sayed joined"
    assert found(text, window(text, [("Fatima", "B-PERSON"), ("Al", "I-PERSON"), ("Sayed", "O")])) == [
        ("Fatima Al-Sayed", "PERSON")
    ]
