"""`sidewatch watchers export`: lay the pack's graph out as a model repository of an inference server.

The graph itself is copied as it is; beside it stands what the server must know: names, types and shapes. The model's name
carries the pack's hash, so that two packs can be served side by side while a fleet changes from one to the other.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sidecar.commands.arguments import load_settings
from sidecar.errors import CommandError

if TYPE_CHECKING:
    from watchers.pack import Pack

EXAMPLES: Final = """\
  sidewatch watchers export --format triton models      # tritonserver --model-repository=models
  sidewatch watchers export --format mlserver models    # mlserver start models

The layout and the observer's settings for it: docs/remote.md."""

_TRITON_TYPES: Final = {"INT64": "TYPE_INT64", "FP32": "TYPE_FP32"}
_RUNTIME: Final = '''\
"""The graph of Sidewatch's pack {hash} in MLServer: one window a request, through onnxruntime."""

import asyncio

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, Parameters
from mlserver.utils import get_model_uri

OUTPUTS = {outputs}


class Graph(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # windows are short: more workers serve more than more threads
        options.enable_cpu_mem_arena = False
        file = await get_model_uri(self.settings)
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        return True

    async def metadata(self) -> MetadataModelResponse:
        found = await super().metadata()
        found.parameters = Parameters(pack="{hash}")
        return found

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {{tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}}
        values = await asyncio.to_thread(self._session.run, OUTPUTS, feed)
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(OUTPUTS, values)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument("directory", metavar="DIR", help="model repository to write into; made where it is missing")
    parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="whose layout")
    parser.add_argument("--name", metavar="NAME", help="the model's name; sidewatch-HASH otherwise")
    parser.set_defaults(run=export)


def export(args: argparse.Namespace) -> int:
    """Write the repository and say which setting uses it. Raises CommandError."""
    from watchers.pack import BUNDLED, PackError, read

    settings = load_settings(args, without_upstream=True)
    try:
        pack = read(Path(settings.watchers.pack) if settings.watchers.pack else BUNDLED)
    except PackError as error:
        raise CommandError(str(error), 2) from error
    name = args.name or f"sidewatch-{pack.model}"
    folder = Path(args.directory) / name
    try:
        for file, content in FORMATS[args.format](pack, name):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, folder / file)
            else:
                (folder / file).write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}") from error
    print(f"{folder}: the graph of pack {pack.version} ({pack.model})")  # noqa: T201
    if args.name:
        print(f"set watchers.remote.model: {name}")  # noqa: T201
    return 0


File = tuple[str, str | Path]  # name below the model's folder, and its content or the file to copy


def triton(pack: "Pack", name: str) -> Iterator[File]:
    """Yield the files that Triton's ONNX Runtime backend reads."""
    yield "1/model.onnx", pack.graph
    lines = [f'name: "{name}"', 'backend: "onnxruntime"', "max_batch_size: 0  # a window goes through alone, unpadded"]
    for side, tensors in tensors_of(pack).items():
        for tensor in tensors:
            dims = ", ".join(map(str, tensor["shape"]))
            kind = _TRITON_TYPES[tensor["datatype"]]
            lines.append(f'{side[:-1]} [ {{ name: "{tensor["name"]}" data_type: {kind} dims: [ {dims} ] }} ]')
    lines += [
        "instance_group [ { count: 2 kind: KIND_CPU } ]  # one a core",
        'parameters { key: "intra_op_thread_count" value: { string_value: "1" } }',
        f'parameters {{ key: "pack" value: {{ string_value: "{pack.model}" }} }}',
    ]
    yield "config.pbtxt", "\n".join([*lines, ""])


def mlserver(pack: "Pack", name: str) -> Iterator[File]:
    """Yield the files that MLServer reads: it has no ONNX runtime of its own, so that one of a few lines comes along."""
    module = f"sidewatch_{pack.model}"  # modules of two packs in one server must not share a name
    settings: Mapping[str, Any] = {
        "name": name,
        "implementation": f"{module}.Graph",
        "platform": "onnx",
        "parameters": {"uri": "./model.onnx"},
        **tensors_of(pack),
    }
    yield "model.onnx", pack.graph
    yield "model-settings.json", json.dumps(settings, indent=2) + "\n"
    from watchers.graph import OUTPUTS

    yield f"{module}.py", _RUNTIME.format(hash=pack.model, outputs=json.dumps(OUTPUTS))


def tensors_of(pack: "Pack") -> dict[str, list[dict[str, Any]]]:
    """Return the graph's inputs and outputs as the protocol writes them."""
    labels = sum(len(names) for names in pack.heads.values())
    shapes = {"scores": [1, labels], "tags": [1, -1, len(pack.tags)], "mean": [1, 384]}
    inputs = [{"name": name, "datatype": "INT64", "shape": [1, -1]} for name in ("ids", "case")]
    return {
        "inputs": inputs,
        "outputs": [{"name": name, "datatype": "FP32", "shape": shape} for name, shape in shapes.items()],
    }


FORMATS: Final[Mapping[str, Callable[["Pack", str], Iterator[File]]]] = {"triton": triton, "mlserver": mlserver}
