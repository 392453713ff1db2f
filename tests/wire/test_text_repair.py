"""Lone surrogates never leave the decoders."""

from sidecar.wire.exchange import Choice, Exchange, Message, Role
from sidecar.wire.text_repair import repaired


def test_a_whole_exchange_is_returned_as_it_is():
    exchange = Exchange("x", messages=(Message(Role.USER, "é 🌍"),))
    assert repaired(exchange) is exchange


def test_cut_pairs_are_joined_and_lone_halves_replaced():
    exchange = Exchange(
        "x",
        request_model="m\ud83d",
        messages=(Message(Role.USER, "a\ud83d\ude00b"), Message(Role.TOOL, "\ude00\ud83d")),
        choices=(Choice(text="ok \ud83dx"),),
        parameters=(("n", "1"),),
    )
    assert repaired(exchange) == Exchange(
        "x",
        request_model="m\ufffd",
        messages=(Message(Role.USER, "a😀b"), Message(Role.TOOL, "\ufffd\ufffd")),
        choices=(Choice(text="ok \ufffdx"),),
        parameters=(("n", "1"),),
    )
