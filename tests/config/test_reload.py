"""What a reload takes over, and how a change of the file is noticed."""

import os
from pathlib import Path

from sidecar.config import load
from sidecar.config.change import fingerprint
from sidecar.config.reload import diff
from sidecar.settings import Settings


def settings(**environ: str) -> Settings:
    return load(None, {"SIDEWATCH_UPSTREAM": "https://x.example", **environ})


def test_what_can_change_is_taken_and_what_cannot_stays() -> None:
    new = settings(
        SIDEWATCH_LISTEN="127.0.0.1:1",
        SIDEWATCH_WORKERS="3",
        SIDEWATCH_OBSERVER__THREADS="2",
        SIDEWATCH_LOG__TEXT="none",
        SIDEWATCH_UPSTREAM="https://y.example",
    )
    changes = diff(settings(), new)
    assert changes.applied == ("log.text", "upstream")
    assert changes.needs_restart == ("listen", "observer.threads", "workers")
    kept = changes.settings
    assert (kept.listen, kept.workers, kept.observer.threads) == ("127.0.0.1:8080", 1, 1)
    assert (kept.log.text, kept.upstream) == ("none", "https://y.example")


def test_the_same_configuration_is_no_change() -> None:
    assert not diff(settings(), settings())


def test_a_file_written_again_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("a: 1\n")
    before = fingerprint(str(file))
    assert fingerprint(str(file)) == before
    file.write_text("a: 22\n")
    assert fingerprint(str(file)) != before


def test_a_config_map_swapped_behind_its_link_is_another_file(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c.yaml").write_text("a: 1\n")
        os.utime(tmp_path / version / "c.yaml", ns=(1, 1))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "c.yaml").symlink_to("..data/c.yaml")
    before = fingerprint(str(tmp_path / "c.yaml"))
    (tmp_path / "..data_tmp").symlink_to("v2")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    assert fingerprint(str(tmp_path / "c.yaml")) != before


def test_no_file_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path / "missing")) is None
    assert fingerprint(None) is None
