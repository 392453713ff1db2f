"""Builds the image with buildah and runs it with podman, in a storage of its own; skips with the reason where it cannot.

No registry is needed: the base comes from Debian's packages (image-base.sh). Containers have no network but their own
loopback. `SIDEWATCH_IMAGE` names an image that is there already, and is then not built.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.tools import CACHE, tool

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "tests/live/slow_model.py").read_text()
BUILT = "localhost/sidewatch:test"
UPSTREAM_PORT = 9000
# What podman gets beside its own defaults: limits that a container without CAP_SYS_RESOURCE can have.
_CONF = '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'


def needed(*names: str) -> None:
    """Skip the calling test unless these tools are there and this is root."""
    for name in names:
        tool(name)
    if os.geteuid() != 0:
        pytest.skip("containers are built and run as root here")


def environment() -> dict[str, str]:
    """Return the environment of buildah and podman: storage and settings of their own, so that nobody's are touched."""
    if "CONTAINERS_STORAGE_CONF" in os.environ:
        return dict(os.environ)
    folder = CACHE / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    (folder / "containers.conf").write_text(_CONF)
    own = {"CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "CONTAINERS_CONF": str(folder / "containers.conf")}
    return dict(os.environ) | own


def run(*command: str, seconds: float = 60, check: bool = True, text: str | None = None, cwd: str | None = None) -> str:
    """Run a container tool and return what it printed. Raises AssertionError with its errors."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=seconds, env=environment(), check=False, cwd=cwd
    )
    assert not check or done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout.strip()


def podman(*arguments: str, seconds: float = 60, check: bool = True) -> str:
    # Elsewhere: a container out of memory leaves an empty file `oom` where it was started from.
    return run("podman", "--runtime", "runc", *arguments, seconds=seconds, check=check, cwd=tempfile.gettempdir())


def build() -> str:
    """Return the image's name, built from this tree if need be: minutes the first time."""
    needed("buildah", "podman", "runc", "catatonit")
    if named := os.environ.get("SIDEWATCH_IMAGE"):
        return named
    needed("debootstrap")
    run(str(ROOT / "tests/live/image-base.sh"), seconds=1500)
    return build_as(BUILT, "--layers")


def build_as(name: str, *more: str) -> str:
    """Build this tree's image under a name, from the base that is there."""
    # The machine's trust store and pip settings, for networks whose registry has a certificate of their own.
    settings = [file for file in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf") if Path(file).exists()]
    volumes = [part for file in settings for part in ("--volume", f"{file}:{file}:ro")]
    base = ["--build-arg", "BASE=localhost/sidewatch-base", "--build-arg", "BUILD_BASE=localhost/sidewatch-build-base"]
    how = ["--isolation", "chroot", "--network", "host", "--format", "docker", "--timestamp", "0", *more]
    run("buildah", "bud", *how, *volumes, *base, "--tag", name, str(ROOT), seconds=1500)
    return name


def logs(container: str) -> str:
    """Return what the container wrote to both of its streams."""
    command = ["podman", "--runtime", "runc", "logs", container]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), check=False)
    return done.stdout.decode(errors="replace")


def inside(container: str, *arguments: str, seconds: float = 60) -> str:
    """Run `slow_model.py` with arguments in a container."""
    return podman("exec", container, "python3", "-c", SCRIPT, *arguments, seconds=seconds)


def python(container: str, code: str, *, check: bool = True) -> str:
    return podman("exec", container, "python3", "-c", code, check=check)


def model_beside(container: str) -> None:
    """Start the model in a running container's network."""
    podman("exec", "--detach", container, "python3", "-c", SCRIPT, "serve", str(UPSTREAM_PORT))


def wait_until_ready(container: str, port: int = 9090, seconds: float = 60) -> None:
    """Poll the readiness page from inside, where alone it can be reached."""
    code = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/readyz', timeout=2).status)"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if python(container, code, check=False) == "200":
            return
        time.sleep(0.5)
    raise AssertionError(f"not ready within {seconds} s: {logs(container)[-3000:]}")


@contextlib.contextmanager
def streaming(container: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Run a client in the container until its stream has begun; the caller reads the rest."""
    command = ["podman", "--runtime", "runc", "exec", container, "python3", "-c", SCRIPT, "stream", url]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert client.stdout
        assert client.stdout.readline() == "begun\n"
        yield client
    finally:
        client.kill()
        client.wait(10)


@contextlib.contextmanager
def pod(name: str) -> Iterator[str]:
    """Make an empty pod whose containers share a loopback and nothing else; it is removed with them."""
    podman("pod", "rm", "--force", name, check=False)
    podman("pod", "create", "--name", name, "--network", "none", "--share", "net")
    try:
        yield name
    finally:
        podman("pod", "rm", "--force", name, check=False)
