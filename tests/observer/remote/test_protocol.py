"""The protocol's answers, good and bad; nothing that a server writes raises anything else than MalformedError."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.observer.remote.protocol import MalformedError, answer, mismatch, model_path, question
from tests.observer.remote.server import metadata
from watchers.graph import Feed
from watchers.pack import BUNDLED, read

PACK = read(BUNDLED)
SHAPES = {"scores": (1, sum(map(len, PACK.heads.values()))), "tags": (1, 3, len(PACK.tags)), "mean": (1, 384)}
VALUES = {
    name: np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()
}


def outputs(**more: object) -> list[dict[str, object]]:
    return [
        {"name": name, "datatype": "FP32", "shape": list(v.shape), "data": v.ravel().tolist()} | more
        for name, v in VALUES.items()
    ]


def body(**document: object) -> bytes:
    return json.dumps({"outputs": outputs(), **document}).encode()


def test_a_question_is_one_window_and_asks_for_binary_outputs():
    ids = np.array([[101, 7592, 102]], np.int64)
    asked = json.loads(question(Feed(ids, np.array([[0, 1, 0]], np.int64))))
    assert asked["inputs"] == [
        {"name": "ids", "datatype": "INT64", "shape": [1, 3], "data": [101, 7592, 102]},
        {"name": "case", "datatype": "INT64", "shape": [1, 3], "data": [0, 1, 0]},
    ]
    assert [output["name"] for output in asked["outputs"]] == ["scores", "tags", "mean"]
    assert all(output["parameters"] == {"binary_data": True} for output in asked["outputs"])


def test_json_keeps_every_float():
    raw = answer(body(), None, 3, PACK)
    assert raw.scores.tobytes() == VALUES["scores"][0].tobytes()
    assert raw.tags.tobytes() == VALUES["tags"][0].tobytes()
    assert raw.mean.tobytes() == VALUES["mean"][0].tobytes()


def test_nested_json_data_are_read_too():
    nested = [output | {"data": VALUES[str(output["name"])].tolist()} for output in outputs()]
    assert answer(body(outputs=nested), None, 3, PACK).tags.tobytes() == VALUES["tags"][0].tobytes()


def test_outputs_may_come_in_any_order_and_part_of_them_binary():
    parts = [
        {"name": "mean", "datatype": "FP32", "shape": [1, 384], "parameters": {"binary_data_size": 1536}},
        outputs()[1],
        outputs()[0],
    ]
    head = json.dumps({"outputs": parts}).encode()
    raw = answer(head + VALUES["mean"].tobytes(), str(len(head)), 3, PACK)
    assert raw.mean.tobytes() == VALUES["mean"][0].tobytes()
    assert raw.scores.tobytes() == VALUES["scores"][0].tobytes()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b'{"outputs": {}}',
        b"[" * 100_000,
        body(outputs=outputs()[:2]),
        body(outputs=outputs(datatype="FP64")),
        body(outputs=outputs(shape=[1, 2])),
        body(outputs=outputs(shape=["x"])),
        body(outputs=outputs(data=[1.0])),
        body(outputs=outputs(data="abc")),
        body(outputs=outputs(data=None)),
        body(outputs=outputs(parameters={"binary_data_size": 12})),
        body(outputs=outputs(parameters={"binary_data_size": -4})),
        body(outputs=outputs(parameters=[1])),
        body().replace(b"0.", b"NaN, 0.", 1),
    ],
    ids=range(16),
)
def test_a_bad_answer_is_malformed(bad):
    with pytest.raises(MalformedError):
        answer(bad, None, 3, PACK)


@pytest.mark.parametrize("length", ["-1", "x", "99999999", ""])
def test_a_bad_length_is_malformed(length):
    with pytest.raises(MalformedError):
        answer(body(), length, 3, PACK)


def test_an_answer_for_another_window_is_malformed():
    with pytest.raises(MalformedError, match="tags has the shape"):
        answer(body(), None, 4, PACK)


@given(st.binary(max_size=400), st.none() | st.integers(-5, 500))
def test_no_bytes_raise_anything_else(found, length):
    for read_it in (
        lambda: answer(found, None if length is None else str(length), 3, PACK),
        lambda: mismatch(found, PACK),
    ):
        with pytest.raises(MalformedError):
            read_it()


def test_the_packs_own_metadata_fit_and_a_dynamic_batch_does_too():
    described = metadata(PACK)
    assert mismatch(json.dumps(described).encode(), PACK) is None
    for tensor in described["inputs"] + described["outputs"]:
        tensor["shape"][0] = -1
    assert mismatch(json.dumps(described | {"parameters": {"pack": PACK.model}}).encode(), PACK) is None


@pytest.mark.parametrize("change", [{"inputs": None}, {"inputs": [{}]}, {"outputs": 3}, {"parameters": "x"}])
def test_metadata_that_are_none_are_malformed(change):
    with pytest.raises(MalformedError):
        mismatch(json.dumps(metadata(PACK) | change).encode(), PACK)


def test_the_path_names_a_version_where_one_is_wanted():
    assert model_path("a", None) == "/v2/models/a"
    assert model_path("a", "2") == "/v2/models/a/versions/2"
