"""What fails again and again is left alone for longer and longer."""

from sidecar.observer.circuit import FAILURES, Circuit


def test_the_circuit_closes_again_after_a_rest_that_doubles() -> None:
    circuit = Circuit()
    for _ in range(FAILURES):
        circuit.failed(100.0)
    assert circuit.is_open(104.9)
    assert not circuit.is_open(105.0)
    circuit.failed(105.0)
    assert circuit.is_open(114.9)
    assert not circuit.is_open(115.0)
    circuit.succeeded()
    for _ in range(FAILURES - 1):
        circuit.failed(120.0)
    assert not circuit.is_open(120.0)


def test_the_rest_has_a_longest() -> None:
    circuit = Circuit(failures=1, rest_seconds=1.0, longest_rest_seconds=3.0)
    for now in (10.0, 20.0, 30.0):
        circuit.failed(now)
    assert circuit.is_open(32.9)
    assert not circuit.is_open(33.0)
