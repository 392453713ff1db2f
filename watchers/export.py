"""A directory as Hugging Face tools export it: `model.onnx`, `tokenizer.json`, `config.json`; loaded and checked.

Everything that can be wrong is found here, at the start: missing and corrupt files, inputs that nobody can fill, a
vocabulary or a label list that does not fit the graph. Knows no watcher.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

GRAPHS: Final = ("model.onnx", "model_quantized.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx")
_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids"})
_POSITIONS: Final = 512  # tokens a model reads where its config does not say
_ROBERTA: Final = frozenset({"roberta", "xlm-roberta", "camembert", "longformer"})  # two positions are never used
_PROBE: Final = "probe"


class ExportError(Exception):
    """The directory cannot be used; the message names the file, what was found and what was expected."""


class Task(StrEnum):
    """What the model labels."""

    TEXT = "text"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Export:
    """A loaded model. `room`: tokens of content in one window; `head`, `tail`: special tokens around it."""

    session: onnxruntime.InferenceSession
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    task: Task
    many: bool  # several labels may hold at once: sigmoid rather than softmax
    room: int
    head: tuple[int, ...]
    tail: tuple[int, ...]
    pad: int
    inputs: frozenset[str]
    output: str
    model: str  # short hash of the graph

    def logits(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Run windows of token numbers (without special tokens) as one batch.

        Shapes: float32 (windows, labels), or (windows, longest + special tokens, labels) for tokens.
        """
        rows = [[*self.head, *window, *self.tail] for window in windows]
        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self.pad, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        every = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.maximum(np.cumsum(mask, axis=1) - 1, 0),
        }
        feed = {name: every[name] for name in self.inputs}
        return np.asarray(self.session.run([self.output], feed)[0], dtype=np.float32)


def load(folder: Path, threads: int = 1, window_tokens: int | None = None) -> Export:
    """Load an exported directory. Raises ExportError."""
    config = _config(folder / "config.json")
    graph = next((folder / name for name in GRAPHS if (folder / name).is_file()), None)
    if graph is None:
        raise ExportError(f"{folder}: has no {' or '.join(GRAPHS[:2])}")
    tokenizer = _tokenizer(folder / "tokenizer.json")
    session = _session(graph, threads)
    labels = _labels(config, folder)
    head, tail = _special(tokenizer)
    inputs = frozenset(one.name for one in session.get_inputs())
    if not inputs <= _INPUTS or "input_ids" not in inputs:
        raise ExportError(f"{graph}: has inputs {sorted(inputs)}, expected some of {sorted(_INPUTS)}")
    outputs = [one.name for one in session.get_outputs()]
    room = _window(config, window_tokens) - len(head) - len(tail)
    if room < 1:
        raise ExportError(f"{folder}: a window of {room + len(head) + len(tail)} tokens has no room for text")
    made = Export(
        session, tokenizer, labels, Task.TEXT, _many(config, labels), room, head, tail, _pad(config, tokenizer), inputs,
        "logits" if "logits" in outputs else outputs[0], hashlib.sha256(graph.read_bytes()).hexdigest()[:12],
    )  # fmt: skip
    _check_vocabulary(config, tokenizer, folder)
    return _with_task(made, graph)


def _config(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ExportError(f"{file}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ExportError(f"{file}: is a {type(found).__name__}, expected an object")
    return found


def _tokenizer(file: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{file}: cannot be read: {error.strerror}") from error
    except Exception as error:  # tokenizers raises plain Exception, and ValueError
        raise ExportError(f"{file}: is no tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest batch's memory for good
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many classes of its own
        raise ExportError(f"{graph}: onnxruntime cannot load it: {error}") from error


def _labels(config: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    named = config.get("id2label")
    if not isinstance(named, dict) or not named:
        raise ExportError(f"{folder / 'config.json'}: has no id2label")
    try:
        numbered = {int(key): str(value) for key, value in named.items()}
        return tuple(numbered[number] for number in range(len(numbered)))
    except (ValueError, KeyError) as error:
        raise ExportError(f"{folder / 'config.json'}: id2label must number its labels from 0") from error


def _special(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens before and after a single text, as the tokenizer's own template puts them."""
    probe = tokenizer.encode(_PROBE, add_special_tokens=True)
    marks = probe.special_tokens_mask
    first = marks.index(0) if 0 in marks else len(marks)
    last = len(marks) - marks[::-1].index(0) if 0 in marks else len(marks)
    return tuple(probe.ids[:first]), tuple(probe.ids[last:])


def _window(config: Mapping[str, Any], asked: int | None) -> int:
    positions = config.get("max_position_embeddings")
    most = positions if isinstance(positions, int) and positions > 0 else _POSITIONS
    if config.get("model_type") in _ROBERTA:
        most -= 2
    return min(most, asked or _POSITIONS)


def _pad(config: Mapping[str, Any], tokenizer: Tokenizer) -> int:
    number = config.get("pad_token_id")
    if isinstance(number, int):
        return number
    found = (tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
    return next((number for number in found if number is not None), 0)


def _many(config: Mapping[str, Any], labels: tuple[str, ...]) -> bool:
    return config.get("problem_type") == "multi_label_classification" or len(labels) == 1


def _check_vocabulary(config: Mapping[str, Any], tokenizer: Tokenizer, folder: Path) -> None:
    size = config.get("vocab_size")
    found = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0) + 1
    if isinstance(size, int) and found > size:
        raise ExportError(f"{folder}: tokenizer.json has {found} tokens, the model {size}: they are not of one model")


def _with_task(made: Export, graph: Path) -> Export:
    """Run once: the shape of the answer tells the task, and that labels and graph fit together."""
    tokens = made.tokenizer.encode(_PROBE, add_special_tokens=False).ids[: made.room]
    try:
        shape = made.logits([tokens or [made.pad]]).shape
    except Exception as error:  # onnxruntime raises many classes of its own
        raise ExportError(f"{graph}: does not run: {error}") from error
    if shape[-1] != len(made.labels) or len(shape) not in (2, 3):
        expected = f"(windows, {len(made.labels)}) or (windows, tokens, {len(made.labels)})"
        raise ExportError(f"{graph}: answers with shape {shape}, expected {expected} for the labels of config.json")
    return replace(made, task=Task.TEXT if len(shape) == 2 else Task.TOKENS)
