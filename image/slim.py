"""Take out of an installed environment what no run of Sidewatch loads, and compile the rest.

    python3 image/slim.py /opt/sidewatch/lib/python3.11/site-packages

Run by the Dockerfile, in its build stage. It knows three kinds of ballast: data of libraries that Sidewatch does not
ask for, tests and sources that wheels carry along, and symbol tables of compiled modules. What remains is compiled with
the sources' hash instead of their time, so that two builds give the same bytes.
"""

import compileall
import py_compile
import shutil
import struct
import sys
from pathlib import Path

# Folders below site-packages, and why they can go.
UNUSED = {
    "phonenumbers/geodata": "where in a country a number is: not asked",
    "phonenumbers/carrierdata": "whose number it is: not asked",
    "phonenumbers/tzdata": "time zones of numbers: not asked",
    "onnxruntime/transformers": "conversion of models, needs torch",
    "onnxruntime/quantization": "making of models, not their use",
    "onnxruntime/tools": "conversion of models",
    "onnxruntime/datasets": "examples",
    "numpy/f2py": "Fortran compiler",
    "numpy/polynomial": "loaded at first use, and not used",
    "numpy/distutils": "build system",
    "numpy/_core/include": "C headers",
    "numpy/_core/lib": "static libraries",
    "numpy/random/lib": "static libraries",
    "numpy/_pyinstaller": "packaging of desktop programs",
    "pydantic/v1": "the version before, for those who import it by that name",
}
UNUSED_FILES = {
    "onnxruntime/capi/libonnxruntime.so*": "its C interface: the Python module is linked with the same code",
    "numpy/_core/_simd*.so": "numpy's own tests",
    "zstandard/_cffi*.so": "the binding for PyPy",
    "phonenumbers/shortdata/region_*.py": "emergency and service numbers by country: not asked",
    "stdnum/oui.dat": "makers of network cards: not asked",
    "stdnum/imsi.dat": "telephone operators: not asked",
}
SOURCES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".f", ".f90"}
_ELF64 = b"\x7fELF\x02\x01"


def trim(file: Path) -> int:
    """Cut an ELF file behind its last loaded segment: sections that only debuggers and linkers read. Return bytes saved.

    The dynamic loader goes by program headers alone. 0 for other files, and where a segment lies behind the sections.
    """
    data = bytearray(file.read_bytes())
    if not data.startswith(_ELF64):
        return 0
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    end = table + size * count
    for number in range(count):
        offset, length = (struct.unpack_from("<Q", data, table + size * number + at)[0] for at in (8, 32))
        end = max(end, offset + length)
    saved = len(data) - end
    if saved <= 0:
        return 0
    struct.pack_into("<Q", data, 40, 0)  # no section table any more:
    struct.pack_into("<HH", data, 60, 0, 0)  # its length, and the index of its names
    file.write_bytes(data[:end])
    return saved


def slim(packages: Path) -> None:
    """Slim and compile one site-packages folder; what is not there (numpy's distutils from Python 3.12 on) need not go."""
    for folder in UNUSED:
        shutil.rmtree(packages / folder, ignore_errors=True)
    for pattern in UNUSED_FILES:
        for file in packages.glob(pattern):
            file.unlink()
    for folder in [*packages.rglob("*")]:
        if folder.is_dir() and folder.name in ("tests", "test", "__pycache__"):
            shutil.rmtree(folder)
    for file in [*packages.rglob("*")]:
        if file.suffix in SOURCES:
            file.unlink()
        elif ".so" in file.suffixes and not file.is_symlink():
            trim(file)
    # An application, not a library: its files' list of itself is of no use, and holds hashes of what has been removed.
    for file in packages.glob("*.dist-info/RECORD"):
        file.unlink()
    hashed = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(packages, quiet=1, workers=0, invalidation_mode=hashed):
        sys.exit("not every module could be compiled")


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
