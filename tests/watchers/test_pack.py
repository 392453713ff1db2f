import hashlib
import json
import shutil

import numpy as np
import pytest

from watchers.encoder import PackEncoder
from watchers.pack import BUNDLED, Calibration, PackError, read
from watchers.tags import TAGS


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(BUNDLED, tmp_path / "pack")
    return tmp_path / "pack"


def change(folder, **changes):
    file = folder / "pack.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_bundled_pack_is_whole():
    pack = read()
    assert set(pack.heads) == {"toxicity", "bias", "injection"}
    assert pack.tags == TAGS
    assert "en" in pack.languages
    assert len(pack.model) == 12


def test_thresholds_of_the_stricter_rate_are_not_lower():
    pack = read()
    for label, found in pack.thresholds.items():
        assert 0 < found["1%"] <= found["0.1%"] < 1, label


def test_an_unmeasured_rate_is_refused():
    with pytest.raises(PackError, match="no threshold of toxicity for false-positive rate 5%"):
        read().threshold("toxicity", "5%")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named(copy, name):
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(PackError, match=rf"{name}: sha256 is \w+…, pack.json says"):
        read(copy)


def test_a_missing_file_is_named(copy):
    (copy / "model.onnx").unlink()
    with pytest.raises(PackError, match=r"model\.onnx: No such file"):
        read(copy)


def test_a_directory_without_a_pack_is_refused(tmp_path):
    with pytest.raises(PackError, match=r"pack\.json"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_malformed_description_is_refused(copy, text):
    (copy / "pack.json").write_text(text)
    with pytest.raises(PackError, match=r"pack\.json"):
        read(copy)


def test_labels_without_calibration_are_refused(copy):
    change(copy, heads={"toxicity": ["toxicity", "unheard_of"]})
    with pytest.raises(PackError, match="name different labels"):
        read(copy)


def test_a_pack_with_other_tags_is_refused(copy):
    change(copy, tags=["O", "B-X"])
    with pytest.raises(PackError, match="tags"):
        PackEncoder(copy)


def test_a_graph_that_is_none_is_refused(copy):
    (copy / "model.onnx").write_bytes(b"not a graph")
    described = json.loads((copy / "pack.json").read_text())["sha256"]
    change(copy, sha256=described | {"model.onnx": hashlib.sha256(b"not a graph").hexdigest()})
    with pytest.raises(PackError, match="cannot load"):
        PackEncoder(copy)


@pytest.mark.parametrize(
    "text", ["{}", '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {}, "unk_token": "x"}}']
)
def test_a_tokenizer_that_does_not_fit_the_graph_is_refused(copy, text):
    (copy / "tokenizer.json").write_text(text)
    described = json.loads((copy / "pack.json").read_text())["sha256"]
    change(copy, sha256=described | {"tokenizer.json": hashlib.sha256(text.encode()).hexdigest()})
    with pytest.raises(PackError, match="tokenizer, graph and description do not work together"):
        PackEncoder(copy)


def test_calibration_is_a_logistic_map_of_each_label():
    calibration = Calibration(np.array([1.0, 2.0], np.float32), np.array([0.0, 1.0], np.float32))
    assert calibration(np.array([0.0, 0.0], np.float32)).tolist() == pytest.approx([0.5, 0.7311], abs=1e-4)
    assert calibration(np.array([-1000.0, 1000.0], np.float32)).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
