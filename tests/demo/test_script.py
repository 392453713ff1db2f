"""The demo's script: the same each time, shifted where it says, planted as often as it says."""

from sidecar.demo.script import plan


def test_the_plan_is_the_same_each_time_and_numbered_in_order():
    first, second = list(plan(120, 60)), list(plan(120, 60))
    assert first == second
    assert [ask.number for ask in first] == list(range(120))


def test_the_topic_shifts_where_it_says():
    topics = [ask.topic for ask in plan(120, 60)]
    assert (set(topics[:60]), set(topics[60:])) == ({"shop"}, {"code"})


def test_every_kind_is_planted_once_a_dozen():
    planted = [ask.planted for ask in plan(240, 120)]
    assert [index for index, kind in enumerate(planted) if kind] == list(range(11, 240, 12))
    assert set(planted) == {"", "toxicity", "bias", "injection", "pii", "secrets"}


def test_some_conversations_go_on_and_some_plants_come_through_tools():
    asks = list(plan(240, 120))
    assert any(ask.history for ask in asks)
    assert any(ask.tool_result for ask in asks)
