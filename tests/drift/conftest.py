"""Streams for the drift tests: synthetic ones, and committed int8 embeddings of public prompts (96 dimensions)."""

from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data" / "embeddings.npz"


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def embeddings() -> dict[str, np.ndarray]:
    """Topic -> float32 (samples, 96): all-MiniLM-L6-v2 of CLINC150, GSM8K, German prompts; principal parts."""
    with np.load(DATA) as arrays:
        return {name: unit(arrays[name]) for name in arrays.files}
