"""The image, built and run for real: small, unprivileged, read-only, and it lets open streams finish."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.live.containers import (
    BUILT,
    ROOT,
    UPSTREAM_PORT,
    build,
    build_as,
    environment,
    inside,
    logs,
    model_beside,
    pod,
    podman,
    python,
    streaming,
    wait_until_ready,
)
from tests.live.slow_model import CHUNKS
from tests.live.tools import tool

# Building takes minutes where nothing is cached.
pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]
LOCKED_DOWN = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--memory", "768m"]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def image() -> str:
    return build()


@pytest.fixture
def running(image: str) -> Iterator[str]:
    """Run Sidewatch as locked down as the chart runs it, with a model and a place for clients in the same network."""
    with pod("sidewatch-image-test") as name:
        podman("run", "--detach", "--pod", name, "--name", "outside", "--entrypoint", "sleep", image, "600")
        upstream = f"http://127.0.0.1:{UPSTREAM_PORT}"
        podman("run", "--detach", "--pod", name, "--name", "sw", *LOCKED_DOWN, image, "serve", "--upstream", upstream)
        model_beside("outside")
        wait_until_ready("sw")
        yield "sw"


def inspected(image: str) -> dict[str, object]:
    (found,) = json.loads(podman("image", "inspect", image))
    return dict(found)


def test_the_image_is_at_most_300_mb_with_the_model_pack(image: str) -> None:
    size = int(str(inspected(image)["Size"]))
    print(f"image: {size / 1e6:.1f} MB")
    assert size <= 300e6


def test_the_image_says_what_it_is(image: str) -> None:
    config = inspected(image)["Config"]
    assert isinstance(config, dict)
    assert config["User"] == "65532:65532"
    assert config["StopSignal"] == "SIGTERM"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "sidewatch"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"]
    assert config["Env"][-2:] == ["SIDEWATCH_LISTEN=0.0.0.0:8080", "SIDEWATCH_ADMIN=0.0.0.0:9090"]
    assert not [one for one in config["Env"] if "KEY" in one or "PIP_" in one]


def test_no_installer_and_no_compiler_are_in_it(image: str) -> None:
    for module in ("pip", "setuptools", "huggingface_hub", "scipy", "hatchling", "watchers.training"):
        code = f"import importlib.util as u; print(u.find_spec('{module}'))"
        assert podman("run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", code) == "None"


def test_it_runs_as_nobody_in_particular_and_can_write_only_to_tmp(running: str) -> None:
    assert python(running, "import os; print(os.getuid(), os.getgid())") == "65532 65532"
    status = python(running, "print(open('/proc/1/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0
    assert int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
    assert "Read-only file system" in python(
        running, "try: open('/opt/sidewatch/x', 'w')\nexcept OSError as error: print(error)"
    )
    python(running, "open('/tmp/x', 'w').write('x')")


def test_traffic_goes_through_and_is_judged(running: str) -> None:
    assert inside("outside", "plain", "http://127.0.0.1:8080").splitlines()[-1] == "1 False"
    assert inside("outside", "stream", "http://127.0.0.1:8080").splitlines()[-1] == f"{CHUNKS + 1} True"
    code = """
import time, urllib.request as r
for _ in range(60):
    page = r.urlopen('http://127.0.0.1:9090/metrics').read().decode()
    judged = [l for l in page.splitlines() if l.startswith('sidewatch_watcher_exchanges_total{')]
    counts = {l.split('watcher="')[1].split('"')[0]: float(l.split()[-1]) for l in judged if 'state="clean"' in l}
    if counts and min(counts.values()) >= 2: break
    time.sleep(0.5)
print(sorted(counts.items()))
"""
    expected = [(name, 2.0) for name in ("bias", "injection", "pii", "secrets", "toxicity")]
    assert python(running, code) == str(expected)


def test_an_open_stream_finishes_after_sigterm_and_the_exit_is_clean(running: str) -> None:
    with streaming("outside", "http://127.0.0.1:8080") as client:
        podman("kill", "--signal", "TERM", running)
        assert client.stdout
        assert client.stdout.read().strip() == f"{CHUNKS + 1} True"
    assert podman("wait", running, seconds=90) == "0"
    log = logs(running)
    assert '"event": "draining"' in log
    assert '"event": "drained"' in log


def test_the_memory_limit_is_set_and_kept(running: str) -> None:
    for _ in range(20):
        inside("outside", "plain", "http://127.0.0.1:8080")
    read = "import pathlib; print(*(int(p.read_text()) for n in {} for p in pathlib.Path('/sys/fs/cgroup').glob(n)))"
    limits = python(running, read.format("('memory.max', 'memory/memory.limit_in_bytes')"))
    assert limits == str(768 * MIB)
    peaks = python(running, read.format("('memory.peak', 'memory/memory.max_usage_in_bytes')"))
    print(f"peak: {int(peaks) / MIB:.0f} MiB")
    assert int(peaks) < 768 * MIB
    greedy = python(running, "b = bytearray(900 << 20); print('had it all')", check=False)
    assert greedy == ""  # killed by the limit, or refused
    wait_until_ready(running)


def test_the_healthcheck_tells_a_healthy_one_from_another(running: str, image: str) -> None:
    podman("healthcheck", "run", running)
    podman(
        "run", "--detach", "--replace", "--name", "asleep", "--network", "none", "--entrypoint", "sleep", image, "60"
    )
    command = ["podman", "--runtime", "runc", "healthcheck", "run", "asleep"]
    assert subprocess.run(command, capture_output=True, env=environment(), check=False).returncode == 1
    podman("rm", "--force", "asleep")


def test_the_recipe_has_no_lint() -> None:
    done = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_two_builds_have_the_same_layers(image: str) -> None:
    if image != BUILT:
        pytest.skip("SIDEWATCH_IMAGE names an image that was built elsewhere")
    again = build_as("localhost/sidewatch:again", "--no-cache")
    assert inspected(again)["RootFS"] == inspected(image)["RootFS"]
    podman("rmi", again)
