"""The Open Inference Protocol's REST form, as far as one window of the pack needs it. No I/O.

The window's inputs are a few hundred whole numbers and go as JSON; the outputs are thousands of floats and are asked for
as binary tensors. A server that has this extension (Triton, KServe) answers with them, any other one ignores the
wish and answers with JSON, which keeps every float32 exactly. *Source*: Open Inference Protocol 2, "Predict Protocol"
and "Binary Tensor Data Extension".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from watchers.encoding import Floats
from watchers.graph import INPUTS, OUTPUTS, Feed, Raw
from watchers.pack import Pack

JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"
_DYNAMIC: Final = -1
_TYPES: Final = {**dict.fromkeys(INPUTS, "INT64"), **dict.fromkeys(OUTPUTS, "FP32")}
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)


class MalformedError(Exception):
    """The server's answer is not what the protocol or the pack says; asking again would give the same."""


def model_path(model: str, version: str | None) -> str:
    """Return the model's path below the base URL; what it says of itself is there."""
    return f"/v2/models/{model}" + (f"/versions/{version}" if version else "")


def question(feed: Feed) -> bytes:
    """Return the body of a request for one window."""
    inputs = [
        {"name": name, "datatype": _TYPES[name], "shape": list(values.shape), "data": values[0].tolist()}
        for name, values in ((name, getattr(feed, name)) for name in INPUTS)
    ]
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in OUTPUTS]
    return orjson.dumps({"inputs": inputs, "outputs": outputs})


def answer(body: bytes, json_bytes: str | None, tokens: int, pack: Pack, hidden: int = 384) -> Raw:
    """Return what the graph gave for a window of so many tokens.

    `json_bytes` is the header that says where the binary part begins, None where there is none. Raises MalformedError.
    """
    try:
        found = _outputs(body, json_bytes)
        scores, tags, mean = (found[name] for name in OUTPUTS)
    except _UNREADABLE as error:
        raise MalformedError(f"not an answer of this protocol: {type(error).__name__}") from error
    wanted = {"scores": (1, labels(pack)), "tags": (1, tokens, len(pack.tags)), "mean": (1, hidden)}
    for name, tensor in (("scores", scores), ("tags", tags), ("mean", mean)):
        if tensor.shape != wanted[name]:
            raise MalformedError(f"{name} has the shape {tensor.shape}, {wanted[name]} expected")
        if not np.isfinite(tensor).all():
            raise MalformedError(f"{name} has numbers that are not finite")
    return Raw(scores[0], tags[0], mean[0])


def _outputs(body: bytes, json_bytes: str | None) -> dict[str, Floats]:
    at = len(body) if json_bytes is None else int(json_bytes)
    if not 0 <= at <= len(body):
        raise ValueError(json_bytes)
    found: dict[str, Floats] = {}
    for output in _parsed(body[:at])["outputs"]:
        if output["datatype"] != "FP32":
            raise TypeError(output["datatype"])
        shape = tuple(int(size) for size in output["shape"])
        size = (output.get("parameters") or {}).get("binary_data_size")
        if size is None:
            values = np.array(output["data"], dtype=np.float32)
        else:
            values, at = np.frombuffer(body[at : at + size], dtype="<f4").astype(np.float32), at + size
        found[output["name"]] = values.reshape(shape)
    return found


def _parsed(body: bytes) -> Any:
    """orjson refuses NaN, which other servers write; those must be told as what they are: not finite."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def mismatch(metadata: bytes, pack: Pack, hidden: int = 384) -> str | None:
    """Return how the server's model differs from the pack's graph, None where it does not. Raises MalformedError.

    Names, types and shapes; and the pack's hash where the server carries one (`parameters.pack`).
    """
    try:
        document = _parsed(metadata)
        there = {side: {tensor["name"]: tensor for tensor in document[side]} for side in ("inputs", "outputs")}
        hashed = (document.get("parameters") or {}).get("pack")
    except _UNREADABLE as error:
        raise MalformedError(f"not a model's metadata: {type(error).__name__}") from error
    if hashed is not None and hashed != pack.model:
        return f"it serves the pack {hashed}, this one is {pack.model}"
    shapes: dict[str, Sequence[int]] = {
        **dict.fromkeys(INPUTS, (1, _DYNAMIC)),
        "scores": (1, labels(pack)),
        "tags": (1, _DYNAMIC, len(pack.tags)),
        "mean": (1, hidden),
    }
    for side, names in (("inputs", INPUTS), ("outputs", OUTPUTS)):
        if there[side].keys() != set(names):
            return f"its {side} are {', '.join(sorted(there[side])) or 'none'}; {', '.join(names)} expected"
        for name in names:
            if problem := _tensor_mismatch(there[side][name], name, shapes[name]):
                return problem
    return None


def _tensor_mismatch(tensor: Mapping[str, Any], name: str, wanted: Sequence[int]) -> str | None:
    """A dimension that is dynamic there (a batch, for example) takes any size."""
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if datatype != _TYPES[name]:
        return f"{name} is {datatype}, {_TYPES[name]} expected"
    fits = isinstance(shape, list) and len(shape) == len(wanted)
    if not fits or any(size not in (_DYNAMIC, want) for size, want in zip(shape or (), wanted, strict=True)):
        return f"{name} has the shape {shape}, {list(wanted)} expected"
    return None


def labels(pack: Pack) -> int:
    """Return how many scores the graph gives."""
    return sum(len(names) for names in pack.heads.values())
