"""The laptop's files: what they mount exists, ports stay on the loopback address, Sidewatch is as locked down as in a cluster."""

from pathlib import Path
from typing import Any

import yaml

HERE = Path("compose")
COMPOSE: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_every_mounted_file_exists_and_every_volume_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (HERE / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_sidewatch_runs_as_locked_down_as_in_a_cluster() -> None:
    service = SERVICES["sidewatch"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "80s"  # 60 s for streams, and the observer's last words


def test_prometheus_scrapes_the_service_that_there_is_and_adds_the_labels_that_rules_need() -> None:
    config = yaml.safe_load((HERE / "prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    (static,) = job["static_configs"]
    assert static["targets"] == ["sidewatch:9090"]
    assert static["labels"].keys() == {"namespace", "pod"}
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["prometheus"]["volumes"])
    assert mounted["../dashboards/rules.yaml"] == f"/etc/prometheus/{config['rule_files'][0]}"


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    provider = yaml.safe_load((HERE / "grafana/dashboards.yaml").read_text())["providers"][0]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert provider["options"]["path"] == mounted["../dashboards/json"]
    assert len(list(Path("dashboards/json").glob("*.json"))) >= 5
