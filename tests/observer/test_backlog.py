"""The bounded queue between the channel and the pipeline."""

import threading

from sidecar.observer.backlog import Backlog, Waiting
from sidecar.wire.capture import Capture


class Nobody:
    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None:
        raise AssertionError("nothing is settled here")


def waiting(number: int, held_bytes: int = 10) -> Waiting:
    return Waiting(Capture(str(number), "default", "GET", "/"), None, Nobody(), number, held_bytes)


def test_takes_the_oldest_first_and_at_most_so_many() -> None:
    backlog = Backlog(10, 1_000)
    for number in range(5):
        assert backlog.hold(10)
        assert backlog.put(waiting(number))
    batch = backlog.take(3, 0)
    assert [each.number for each in batch] == [0, 1, 2]
    assert [each.number for each in backlog.take(3, 0)] == [3, 4]
    assert backlog.take(3, 0) == []


def test_bytes_are_held_until_the_batch_is_done() -> None:
    backlog = Backlog(10, 25)
    assert backlog.hold(10)
    assert backlog.hold(10)
    assert not backlog.hold(10)
    backlog.put(waiting(1, held_bytes=20))
    batch = backlog.take(1, 0)
    assert backlog.held_bytes == 20
    backlog.done(batch)
    assert backlog.held_bytes == 0


def test_a_refused_one_releases_its_bytes() -> None:
    backlog = Backlog(1, 100)
    backlog.hold(20)
    assert backlog.put(waiting(1))
    assert not backlog.put(waiting(2))
    assert (len(backlog), backlog.held_bytes) == (1, 10)


def test_age_is_that_of_the_oldest() -> None:
    backlog = Backlog(10, 100)
    assert backlog.age_seconds == 0.0
    backlog.put(Waiting(Capture("1", "r", "GET", "/"), None, Nobody(), 1, 0, since_seconds=-1e9))
    backlog.put(waiting(2))
    assert backlog.age_seconds > 1e9


def test_a_waiting_taker_wakes_at_once() -> None:
    backlog = Backlog(10, 100)
    taken: list[Waiting] = []
    taker = threading.Thread(target=lambda: taken.extend(backlog.take(1, 30.0)))
    taker.start()
    backlog.put(waiting(1))
    taker.join(10)
    assert [each.number for each in taken] == [1]
