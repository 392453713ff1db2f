"""A running Sidewatch takes over a new configuration, and refuses a bad one."""

import os
import signal
import time
from collections.abc import Callable

CONFIG = """\
upstream: {upstream}
listen: 127.0.0.1:0
admin: 127.0.0.1:0
watchers: {{enabled: [none]}}
"""


def test_sighup_takes_over_what_can_change_and_names_what_cannot(sidewatch, upstream, other_upstream, tmp_path):
    file = tmp_path / "sidewatch.yaml"
    file.write_text(CONFIG.format(upstream=upstream.url))
    running = sidewatch("--config", str(file)).up()
    assert running.post().headers["X-Upstream"] == "one"
    file.write_text(CONFIG.format(upstream=other_upstream.url) + "workers: 2\nlog: {text: none}\n")
    running.process.send_signal(signal.SIGHUP)
    line = running.err.event("configuration reloaded")
    assert line["applied"] == ["log.text", "upstream"]
    assert line["needs_restart"] == ["workers"]
    assert running.post().headers["X-Upstream"] == "two"
    running.err.event("settings reloaded")
    running.out.event("exchange")
    running.post().read()
    assert "prompt" not in running.out.event("exchange", after=2)


def test_a_changed_file_is_taken_over_by_itself_as_kubernetes_swaps_it(sidewatch, upstream, other_upstream, tmp_path):
    for version, server in (("v1", upstream), ("v2", other_upstream)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "sidewatch.yaml").write_text(CONFIG.format(upstream=server.url))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "sidewatch.yaml").symlink_to("..data/sidewatch.yaml")
    running = sidewatch("--config", str(tmp_path / "sidewatch.yaml"), "--set", "observer.enabled=false").up()
    (tmp_path / "..data_tmp").symlink_to("v2")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    assert running.err.event("configuration reloaded")["applied"] == ["upstream"]
    assert running.post().headers["X-Upstream"] == "two"


def test_a_bad_configuration_is_refused_and_the_running_one_goes_on(sidewatch, upstream, tmp_path):
    file = tmp_path / "sidewatch.yaml"
    file.write_text(CONFIG.format(upstream=upstream.url))
    running = sidewatch("--config", str(file), "--set", "observer.enabled=false").up()
    file.write_text(CONFIG.format(upstream="nowhere") + "wrkers: 2\n")
    line = running.err.event("configuration refused: the running one goes on")
    assert [problem.removeprefix(str(file)) for problem in line["problems"]] == [
        ":5: wrkers: unknown key; did you mean workers?",
        ':1: upstream = "nowhere": expected http:// or https:// and a host; did you mean https://nowhere?',
    ]
    assert running.post().headers["X-Upstream"] == "one"


def test_a_route_that_cannot_be_compiled_is_refused_whole(sidewatch, upstream, other_upstream, tmp_path):
    file = tmp_path / "sidewatch.yaml"
    file.write_text(CONFIG.format(upstream=upstream.url))
    running = sidewatch("--config", str(file), "--set", "observer.enabled=false").up()
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    route = f"routes: [{{name: new, prefix: /new, upstream: 'https://x.example', tls: {{ca_file: {broken}}}}}]\n"
    file.write_text(CONFIG.format(upstream=upstream.url) + route)
    assert "route 'new'" in running.err.event("configuration refused: the running one goes on")["problems"][0]
    file.write_text(CONFIG.format(upstream=other_upstream.url))  # against what is in force, a change of one key
    assert running.err.event("configuration reloaded")["applied"] == ["upstream"]


def test_a_watcher_that_cannot_be_built_leaves_the_old_ones_watching(sidewatch, upstream, tmp_path):
    file = tmp_path / "sidewatch.yaml"
    file.write_text(CONFIG.format(upstream=upstream.url))
    running = sidewatch("--config", str(file)).up()
    observer = running.children()["sidecar.observer"]
    house = "{enabled: [house], settings: {house: {type: nowhere}}}"
    file.write_text(CONFIG.format(upstream=upstream.url).replace("{enabled: [none]}", house))
    assert "'nowhere'" in running.err.event("settings not reloaded: the old ones go on")["problem"]
    assert running.post().status == 200
    assert running.out.event("exchange")["coverage"] == {}
    assert running.children()["sidecar.observer"] == observer


def test_a_configuration_that_is_refused_before_the_observer_gets_it_is_counted(sidewatch, upstream, tmp_path):
    file = tmp_path / "sidewatch.yaml"
    file.write_text(CONFIG.format(upstream=upstream.url))
    running = sidewatch("--config", str(file)).up()
    file.write_text("wrkers: 2\n")
    running.err.event("configuration refused: the running one goes on")
    file.write_text(CONFIG.format(upstream=upstream.url) + "log: {text: none}\n")
    running.err.event("settings reloaded")
    wanted = {f'sidewatch_settings_reloads_total{{result="{name}"}} 1.0' for name in ("invalid", "applied")}
    until(lambda: wanted <= set(running.get("/metrics")[1].splitlines()))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
