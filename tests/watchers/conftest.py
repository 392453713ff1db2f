"""One encoder for all tests of this package: loading it costs more than most of them."""

import pytest

from watchers.encoder import PackEncoder


@pytest.fixture(scope="session")
def encoder() -> PackEncoder:
    return PackEncoder()
