"""The exchange log as rows of a baseline: the newest text of each exchange, with the measures that the streams have."""

from sidecar.commands.record_rows import from_log

USER = {"origin": "user", "role": "user", "chars": 400, "text": "tent " * 20}
OLDER = {"origin": "user", "role": "user", "chars": 5, "text": "older"}
ANSWER = {"origin": "completion", "role": "assistant", "chars": 9, "text": "an answer"}
EXCHANGE = {
    "event": "exchange", "timestamp": "2026-01-01T00:00:01.500Z", "route": "default", "request_model": "gpt-4o",
    "prompt": [OLDER, USER], "completion": [ANSWER], "duration_seconds": 0.5, "first_token_seconds": None,
    "usage": {"source": "provider", "output": 7}, "cost": {"amount": 0.25, "currency": "USD"}, "finish_reasons": ["stop"],
    "tool_calls": [],
}  # fmt: skip


def test_prompts_are_the_newest_user_text_with_its_whole_length() -> None:
    (row,) = from_log([EXCHANGE], "prompt", None, None)
    # 100 characters were logged of 400: 25 tokens there, 100 in all.
    assert row == {"text": "tent " * 20, "tokens": 100.0, "time_seconds": 1767225601.5}


def test_completions_come_with_what_the_provider_said() -> None:
    (row,) = from_log([EXCHANGE], "completion", "default", "gpt-4o")
    assert row == {
        "text": "an answer", "tokens": 7.0, "cost": 0.25, "duration_seconds": 0.5, "tool_call_rate": 0.0,
        "finish_reason": "stop", "time_seconds": 1767225601.5,
    }  # fmt: skip


def test_other_lines_routes_models_and_exchanges_without_text_are_left_out() -> None:
    lines = [{"event": "drift", "level": "stable"}, EXCHANGE | {"prompt": []}, EXCHANGE | {"prompt": [{"text": None}]}]
    assert list(from_log([*lines, EXCHANGE], "prompt", "other", None)) == []
    assert list(from_log(lines, "prompt", None, None)) == []
    assert list(from_log([EXCHANGE], "prompt", None, "other")) == []


def test_plain_rows_stay_as_they_are() -> None:
    rows = [{"text": "hello", "tokens": 3}, {"embedding": [1.0, 0.0]}]
    assert list(from_log(rows, "prompt", None, None)) == rows
