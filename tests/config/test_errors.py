"""The catalogue of mistakes: what a user writes, and the whole message that tells how to mend it."""

from pathlib import Path

import pytest

from sidecar.config import ConfigError, load

UP = "upstream: https://api.example.com\n"

CATALOGUE = [
    (
        UP + "lisen: 127.0.0.1:8080",
        "{f}:2: lisen: unknown key; did you mean listen?",
    ),
    (
        UP + "capture:\n  queue_byte: 1",
        "{f}:3: capture.queue_byte: unknown key; did you mean capture.queue_bytes?",
    ),
    (
        UP + "queue_exchanges: 5",
        "{f}:2: queue_exchanges: unknown key; did you mean observer.queue_exchanges?",
    ),
    (
        UP + "prices:\n  zzz: 1",
        "{f}:3: prices.zzz: unknown key; known here: currency, file",
    ),
    (
        UP + "capture: {queue_bytes: huge}",
        '{f}:2: capture.queue_bytes = "huge": expected a size such as 65536, "512KiB" or "64MiB"; change the value',
    ),
    (
        UP + "capture: {queue_bytes: 64 MiBi}",
        '{f}:2: capture.queue_bytes = "64 MiBi": expected a size such as 65536, "512KiB" or "64MiB"; change the value',
    ),
    (
        UP + "limits: {grace_seconds: soon}",
        '{f}:2: limits.grace_seconds = "soon": expected a duration such as 30, "30s", "5m" or "1h30m" above 0; '
        "change the value",
    ),
    (
        UP + "limits: {grace_seconds: .inf}",
        '{f}:2: limits.grace_seconds = Infinity: expected a duration such as 30, "30s", "5m" or "1h30m" above 0; '
        "write null where there is to be no limit",
    ),
    (
        UP + 'limits: {client_connections: "8"}',
        '{f}:2: limits.client_connections = "8": expected a whole number of at least 1; write it without quotes',
    ),
    (
        UP + "drift: {label: tenant}",
        '{f}:2: drift.label = "tenant": no such label; name one of observer.labels, or remove the key',
    ),
    (
        "routes: [{name: a, upstream: 'https://a.example', proxy: 'http://h:99999'}]",
        '{f}:1: routes[0].proxy = "http://h:99999": not a URL: Port out of range 0-65535; '
        'write http://HOST:PORT (or https, socks5, socks5h), "none" for a direct connection, or remove the key',
    ),
    (
        "routes: [{name: a, upstream: 'https://a.example', add_request_headers: {X-Team: 'λ'}}]",
        "{f}:1: routes[0].add_request_headers.X-Team: its value has a character that no header can carry; "
        "use characters of ISO 8859-1 without control characters",
    ),
    (
        "routes: [{name: a, upstream: 'https://a.example', add_request_headers: {Expect: x}}]",
        "{f}:1: routes[0].add_request_headers.Expect: not a header that can be added; "
        "use a header of the end-to-end kind, such as X-Team",
    ),
    (
        "routes: [{name: a, prefix: /a, upstream: 'https://a.example'}, {name: b, prefix: /a/, upstream: 'https://b.example'}]",
        '{f}:1: routes[1].prefix = "/a/": routes[0] has the same prefix and host; '
        "change the prefix or the host of one of them",
    ),
    (
        UP + "workers: 0",
        "{f}:2: workers = 0: expected a whole number of at least 1; give a value in this range",
    ),
    (
        UP + "observer: {nice: 40}",
        "{f}:2: observer.nice = 40: expected a whole number from 0 to 19; give a value in this range",
    ),
    (
        UP + "observer: {enabled: sometimes}",
        '{f}:2: observer.enabled = "sometimes": expected true or false; change the value',
    ),
    (
        UP + "log: {text: mask}",
        '{f}:2: log.text = "mask": expected one of masked, none, raw; did you mean masked?',
    ),
    (
        UP + "drift: {directory: 7}",
        '{f}:2: drift.directory = 7: expected text or null; put it in quotes: "7"',
    ),
    (
        UP + "capture: {exclude_paths: /health}",
        '{f}:2: capture.exclude_paths = "/health": expected a list; write it as a list: exclude_paths: [/health]',
    ),
    (
        UP + "limits: 5",
        "{f}:2: limits = 5: expected keys and values; see limits in the documentation",
    ),
    (
        UP + "watchers: {settings: {toxicity: {thresholds: {insult: 1.5}}}}",
        "{f}:2: watchers.settings.toxicity.thresholds.insult = 1.5: expected a number from 0 to 1; "
        "give a value in this range",
    ),
    (
        "upstream: api.openai.com",
        '{f}:1: upstream = "api.openai.com": expected http:// or https:// and a host; '
        "did you mean https://api.openai.com?",
    ),
    (
        "upstream: localhost:11434",
        '{f}:1: upstream = "localhost:11434": expected http:// or https:// and a host; '
        "did you mean http://localhost:11434?",
    ),
    (
        "upstream: https://api.example.com:99999",
        '{f}:1: upstream = "https://api.example.com:99999": not a URL: Port out of range 0-65535; '
        "write https://HOST[:PORT][/BASE/PATH]",
    ),
    (
        "upstream: https://me:hunter2@api.example.com",
        '{f}:1: upstream = "https://[hidden]@api.example.com": has a user name or password in it; '
        "remove them and set routes[].add_request_headers.Authorization",
    ),
    (
        "upstream: https://api.example.com/?key=abc",
        '{f}:1: upstream = "https://api.example.com/?[hidden]": has a query or fragment; '
        "remove it: the client's own query is forwarded",
    ),
    (
        "listen: 127.0.0.1:8080",
        "{f}:1: upstream: not set; give --upstream https://api.openai.com, for example, or list routes",
    ),
    (
        UP + "listen: localhost",
        '{f}:2: listen = "localhost": expected HOST:PORT with a port from 0 to 65535; '
        "write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; port 0 picks a free one",
    ),
    (
        UP + "listen: 127.0.0.1:70000",
        '{f}:2: listen = "127.0.0.1:70000": expected HOST:PORT with a port from 0 to 65535; '
        "write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; port 0 picks a free one",
    ),
    (
        UP + "listen: 0.0.0.0:9000\nadmin: 127.0.0.1:9000",
        '{f}:3: admin = "127.0.0.1:9000": the same port as listen = "0.0.0.0:9000"; '
        "give the admin pages a port of their own",
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example}\n- {name: a, upstream: https://y.example, prefix: /y}",
        '{f}:3: routes[1].name = "a": already the name of routes[0]; give every route its own name',
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example}\n- {name: b, upstream: https://y.example}",
        '{f}:3: routes[1].prefix = "/": routes[0] has the same prefix and host; '
        "change the prefix or the host of one of them",
    ),
    (
        UP + "routes:\n- {name: a, upstream: https://x.example}",
        '{f}:3: routes[0].prefix = "/": upstream has the same prefix and host; '
        "change the prefix or the host of one of them",
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, prefix: v1}",
        '{f}:2: routes[0].prefix = "v1": expected a path; write "/v1"',
    ),
    (
        "routes:\n- {name: a b, upstream: https://x.example}",
        '{f}:2: routes[0].name = "a b": expected letters, digits, dots and dashes; '
        "the name becomes a label of the metrics: choose a plain one",
    ),
    (
        "routes:\n- {name: a}",
        "{f}:2: routes[0].upstream: missing; add upstream: … here",
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, proxy: socks4://h:1}",
        '{f}:2: routes[0].proxy = "socks4://h:1": expected the URL of an HTTP or SOCKS 5 proxy; '
        'write http://HOST:PORT (or https, socks5, socks5h), "none" for a direct connection, or remove the key',
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, tls: {ca_file: /nowhere/ca.pem}}",
        '{f}:2: routes[0].tls.ca_file = "/nowhere/ca.pem": no such file; check the path (now in {cwd}) and the mount',
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, tls: {key_file: {f}}}",
        "{f}:2: routes[0].tls.cert_file: missing beside key_file; give the client certificate, too",
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, add_request_headers: {Content-Length: '3'}}",
        "{f}:2: routes[0].add_request_headers.Content-Length: not a header that can be added; "
        "use a header of the end-to-end kind, such as X-Team",
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, add_request_headers: {X-Key: 12345}}",
        '{f}:2: routes[0].add_request_headers.X-Key = "[hidden]": expected text; put it in quotes',
    ),
    (
        "routes:\n- {name: a, upstream: https://x.example, add_request_headers: {X-Key: '${NOT_SET}'}}",
        "{f}:2: routes[0].add_request_headers.X-Key: the environment variable NOT_SET is not set; "
        "set NOT_SET, or write $${NOT_SET} for the text itself",
    ),
    (
        UP + "watchers: {enabled: [toxcity]}",
        '{f}:2: watchers.enabled[0] = "toxcity": there is no such watcher; did you mean toxicity?',
    ),
    (
        UP + "watchers: {enabled: [none, pii]}",
        '{f}:2: watchers.enabled[0] = "none": stands beside other names; write none alone, or remove it',
    ),
    (
        UP + "watchers: {settings: {in-house: {thresholds: {}}}}",
        "{f}:2: watchers.settings.in-house: there is no such watcher; "
        "known: bias, injection, language, leakage, pii, refusal, repetition, rules, secrets, toxicity; "
        "for one of your own set watchers.settings.in-house.type",
    ),
    (
        UP + "watchers: {pack: /nowhere}",
        '{f}:2: watchers.pack = "/nowhere": no such directory; '
        "give the directory of a model pack, or remove the key for the one that ships",
    ),
    (
        UP + "prices: {file: /nowhere.json}",
        '{f}:2: prices.file = "/nowhere.json": no such file; check the path (now in {cwd}) and the mount',
    ),
    (
        UP + "judge: {endpoint: http://localhost:8080/v1, model: m}",
        '{f}:2: judge.endpoint = "http://localhost:8080/v1": is Sidewatch itself, which would judge its own questions; '
        "give the address of the API behind it",
    ),
    (
        UP + "judge: {endpoint: api.openai.com, model: m}",
        '{f}:2: judge.endpoint = "api.openai.com": expected http:// or https:// and a host; write https://HOST[:PORT]/v1',
    ),
    (
        UP + "judge: {endpoint: https://me:pass@api.example.com/v1, model: m}",
        '{f}:2: judge.endpoint = "https://[hidden]@api.example.com/v1": has a user name or password in it; '
        "use api_key_env or api_key_file",
    ),
    (
        UP + "judge: {endpoint: https://api.example.com/v1}",
        "{f}:2: judge.model: not set; name the model that judges",
    ),
    (
        UP + "judge: {endpoint: https://api.example.com/v1, model: m, api_key_env: A, api_key_file: {f}}",
        "{f}:2: judge.api_key_file: stands beside api_key_env; keep one of the two",
    ),
    (
        UP + "watchers: {remote: {endpoint: http://triton:8000/v2/}}",
        '{f}:2: watchers.remote.endpoint = "http://triton:8000/v2/": ends with /v2, which is added; remove it',
    ),
    (
        UP + "watchers: {remote: {endpoint: triton:8000}}",
        '{f}:2: watchers.remote.endpoint = "triton:8000": expected http:// or https:// and a host; write http://HOST:PORT',
    ),
    (
        UP + "watchers: {remote: {endpoint: http://triton:8000, model: a/b}}",
        '{f}:2: watchers.remote.model = "a/b": expected letters, digits, dots and dashes; '
        "write the model as the server's repository has it",
    ),
    (
        UP + "watchers: {remote: {endpoint: http://triton:8000, api_key_env: A, api_key_file: {f}}}",
        "{f}:2: watchers.remote.api_key_file: stands beside api_key_env; keep one of the two",
    ),
    (
        UP + "watchers: {remote: {endpoint: http://triton:8000, fallback: none}}",
        '{f}:2: watchers.remote.fallback = "none": expected one of local, skip; write one of these',
    ),
    (
        UP + "observer: {labels: [{name: tenant}]}",
        "{f}:2: observer.labels[0]: expected either header or json_path; keep exactly one of the two",
    ),
    (
        UP + "observer: {labels: [{name: a-b, header: x}]}",
        '{f}:2: observer.labels[0].name = "a-b": expected a letter, then letters, digits and underscores; '
        "choose a name that Prometheus takes as a label",
    ),
    (
        UP + "log: {text: none}\nlog: {text: raw}",
        "{f}:3: log: stands here twice; keep one of them",
    ),
    (
        UP + "log: {text: none",
        "{f}:2: file: not YAML: expected ',' or '}}', but got '<stream end>'; "
        "check indentation, colons and quotes on this line",
    ),
    (
        "- a",
        "{f}: expected keys and values; write `listen: 127.0.0.1:8080`, for example",
    ),
]


def problems_of(text: str, tmp_path: Path, **environ: str) -> list[str]:
    file = tmp_path / "sidewatch.yaml"
    file.write_text(text.replace("{f}", str(file)))
    with pytest.raises(ConfigError) as caught:
        load(str(file), environ)
    return [
        str(problem).replace(str(file), "{f}").replace(str(Path.cwd()), "{cwd}") for problem in caught.value.problems
    ]


@pytest.mark.parametrize(("text", "message"), CATALOGUE, ids=[message[:70] for _, message in CATALOGUE])
def test_each_mistake_names_place_key_value_expectation_and_remedy(text: str, message: str, tmp_path: Path) -> None:
    assert problems_of(text, tmp_path) == [message.replace("}}", "}")]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "upstream: api.example.com\nlisten: nowhere\nworkers: 0\nlogs: {}\n"
    keys = [problem.split(": ")[1].split(" = ")[0] for problem in problems_of(text, tmp_path)]
    assert keys == ["workers", "logs", "listen", "upstream"]


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    problems = problems_of(UP, tmp_path, SIDEWATCH_CAPTURE__QUEUE_BYTE="1", SIDEWATCH_WORKERS="two")
    assert problems == [
        "SIDEWATCH_CAPTURE__QUEUE_BYTE: capture.queue_byte: unknown key; did you mean capture.queue_bytes?",
        'SIDEWATCH_WORKERS: workers = "two": expected a whole number of at least 1; change the value',
    ]


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {}, [("upstream", "https://x.example", "--upstream"), ("listen", "8080", "--listen")])
    assert str(caught.value).startswith('--listen: listen = "8080": expected HOST:PORT')


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load("/nowhere/sidewatch.yaml", {})
    assert str(caught.value) == (
        "/nowhere/sidewatch.yaml: cannot be read: No such file or directory; give the path of a YAML file"
    )


def test_a_file_that_holds_itself_is_refused(tmp_path: Path) -> None:
    assert problems_of("a: &a [*a]\n", tmp_path) == ["a[0][0][0]: nested too deep; remove the alias that holds itself"]


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    text = (
        "routes:\n- {name: a, upstream: 'https://u:hunter2@x.example', proxy: 'ftp://u:hunter2@h',"
        " add_request_headers: {X-Key: [hunter2], 'bad name': hunter2}}\n"
        "watchers: {settings: {x: {options: {api_key: hunter2}}}}\n"
    )
    assert "hunter2" not in "\n".join(problems_of(text, tmp_path))
