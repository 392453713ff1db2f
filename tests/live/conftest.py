"""One stack for all live tests of Prometheus: they run in order, quiet traffic first, faults afterwards."""

from collections.abc import Iterator

import pytest

from tests.live.stack import Stack, stack


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("stack")) as started:
        yield started
