"""The image's slimming: a trimmed module still loads and works, and what is not an ELF file is left alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import zstandard.backend_c

from image.slim import UNUSED, UNUSED_FILES, slim, trim


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Return a copy of a compiled module with its symbol tables and debugging sections."""
    copy = tmp_path / Path(zstandard.backend_c.__file__).name
    shutil.copy(zstandard.backend_c.__file__, copy)
    return copy


def test_a_trimmed_module_is_smaller_and_still_works(module: Path) -> None:
    before = module.stat().st_size
    assert trim(module) == before - module.stat().st_size > before // 2
    code = "import backend_c as z; d = b'x' * 999; print(z.ZstdDecompressor().decompress(z.ZstdCompressor().compress(d)) == d)"
    done = subprocess.run([sys.executable, "-c", code], cwd=module.parent, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_trimming_twice_changes_nothing(module: Path) -> None:
    trim(module)
    once = module.read_bytes()
    assert trim(module) == 0
    assert module.read_bytes() == once


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF\x01\x01" + bytes(100)])
def test_other_files_are_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.so"
    file.write_bytes(content)
    assert trim(file) == 0
    assert file.read_bytes() == content


def test_what_goes_is_there_today() -> None:
    # A name that a new release no longer has would be removed in vain, and its reason be wrong.
    packages = Path(orjson.__file__).parents[1]
    gone = {"numpy/distutils"} if sys.version_info >= (3, 12) else set()
    assert {folder for folder in UNUSED if not (packages / folder).is_dir()} == gone
    assert [pattern for pattern in UNUSED_FILES if not list(packages.glob(pattern))] == []


def test_tests_sources_and_lists_go_and_code_is_compiled_by_hash(tmp_path: Path) -> None:
    package = tmp_path / "package"
    for name in ("tests/test_a.py", "__pycache__/a.pyc", "a.pyi", "b.pyx", "module.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x = 1\n")
    (tmp_path / "package-1.dist-info").mkdir()
    (tmp_path / "package-1.dist-info/RECORD").write_text("package/a.pyi,,\n")
    (tmp_path / "package-1.dist-info/METADATA").write_text("Name: package\n")
    slim(tmp_path)
    left = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    compiled = f"package/__pycache__/module.{sys.implementation.cache_tag}.pyc"
    assert left == sorted(["package/module.py", compiled, "package-1.dist-info/METADATA"])
    assert (tmp_path / compiled).read_bytes()[4] == 1  # hash-based, unchecked (PEP 552)
