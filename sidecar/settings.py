"""Every setting with its type, default and unit: the one table behind YAML, environment, flags and docs.

Frozen structs that msgspec checks when `sidecar.config` converts the file; no behaviour here. Light on purpose:
the proxy imports it. Durations are seconds, sizes are bytes; None means "no limit" only where a comment says so.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

Bytes = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]

# Heads of the shipped pack and the pattern watchers: what runs where `watchers.enabled` is empty. The proxy needs the
# names for its ledger and may not import `watchers`, which is why they stand here.
BUILT_IN_WATCHERS: Final = ("toxicity", "bias", "injection", "pii", "secrets")
# Built in, too, but running only where they are named: most want options, all say less about an arbitrary app.
OPTIONAL_WATCHERS: Final = ("leakage", "rules", "refusal", "language", "repetition")


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Tls(_Section, frozen=True):
    """Towards the upstream. Empty: system trust, no client certificate, SNI from the URL."""

    verify: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None


class Timeouts(_Section, frozen=True):
    """Generous: a model may think for minutes. None: no limit."""

    connect_seconds: Seconds = 10.0
    first_byte_seconds: Seconds | None = 600.0
    idle_seconds: Seconds | None = 300.0
    total_seconds: Seconds | None = None
    client_idle_seconds: Seconds = 75.0  # a keep-alive connection without a request
    client_head_seconds: Seconds = 60.0  # from the first byte of a request to the end of its head


class Route(_Section, frozen=True):
    """One upstream; the longest matching `prefix` wins, then `host`. The prefix is removed by default."""

    name: str
    upstream: str
    prefix: str = "/"
    host: str | None = None
    strip_prefix: bool = True
    keep_host: bool = False
    format: str | None = None  # decode as this wire format, whatever the path says
    provider: str | None = None  # gen_ai.provider.name, where the host does not tell
    add_request_headers: dict[str, str] = {}
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    proxy: str | None = (
        None  # http, https, socks5, socks5h; None: HTTP(S)_PROXY, ALL_PROXY, NO_PROXY of the environment; "none": never
    )


class Limits(_Section, frozen=True):
    """Of the proxy. Past one of these a connection is refused or closed, and counted."""

    request_head_bytes: Bytes = 65_536
    response_head_bytes: Bytes = 262_144
    client_connections: Count = 10_000
    upstream_connections: Count = 10_000
    upstream_idle_connections: Annotated[int, Meta(ge=0)] = 256
    upstream_idle_seconds: Seconds = 30.0
    buffer_bytes: Bytes = 65_536  # a direction's high-water mark for back-pressure
    half_closed_seconds: Seconds = (
        0.2  # after a client's FIN, without a byte of the answer: then it is taken to be gone
    )
    grace_seconds: Seconds = 60.0  # SIGTERM: how long open exchanges may go on


class Capture(_Section, frozen=True):
    """What is copied to the observer."""

    enabled: bool = True
    request_head_bytes: Bytes = 4_194_304
    request_tail_bytes: Bytes = 262_144
    response_head_bytes: Bytes = 4_194_304
    response_tail_bytes: Bytes = 262_144
    queue_bytes: Bytes = 33_554_432  # waiting for the observer; past it captures are dropped and counted
    exclude_paths: list[str] = []  # path prefixes that are passed through and counted, never captured
    redact_headers: list[str] = []  # beside the built-in credentials
    redact_query: list[str] = []


class Label(_Section, frozen=True):
    """One label of traffic, taken from a request header or a JSON path of the request body (`metadata.tenant`)."""

    name: str
    header: str | None = None
    json_path: str | None = None
    hashed: bool = False
    metric: bool = False  # also a label of the metrics
    default: str = ""


class Observer(_Section, frozen=True):
    enabled: bool = True
    threads: Count = 1  # of the encoder
    nice: Annotated[int, Meta(ge=0, le=19)] = 10
    memory_limit_bytes: Bytes = 1_073_741_824  # past it the observer is restarted, counted; 0: no limit
    queue_exchanges: Count = 2_000
    queue_bytes: Bytes = 134_217_728
    batch_exchanges: Count = 16
    decoded_bytes: Bytes = 33_554_432  # of one body after decompression
    text_tokens: Count = 4_096  # encoder budget of one exchange: new texts first
    first_stage: Literal["off", "auto", "always"] = (
        "auto"  # spares the encoder what it clears; auto: once exchanges wait longer than `behind_seconds`
    )
    first_stage_sample: Probability = 0.01  # of exchanges, judged in full all the same; these feed drift meanwhile
    behind_seconds: Seconds = 2.0  # past five times that, or half of the queue, the first stage reads alone
    unknown_formats: Literal["text", "count"] = "text"
    selftest_seconds: Seconds | None = (
        300.0  # known texts through every watcher, at the start and this often; None: never
    )
    labels: list[Label] = []


class WatcherSettings(_Section, frozen=True):
    """One watcher by name. `thresholds` overrides a label's threshold."""

    enabled: bool = True
    type: str | None = None  # built-in type or entry point; None: the built-in of this name
    thresholds: dict[str, Probability] = {}
    options: dict[str, object] = {}


class Remote(_Section, frozen=True):
    """The pack's graph on an Open Inference Protocol server: Triton, KServe, MLServer (docs/remote.md). Off without `endpoint`.

    Only the passes through the graph move there. Tokenising, calibration and thresholds stay here, with the same pack.
    """

    endpoint: str | None = None  # base URL such as http://triton:8000; /v2/models/... comes behind it
    model: str | None = None  # its name there; null: sidewatch-HASH, the name that `sidewatch watchers export` gives it
    version: str | None = None  # null: the server's choice
    api_key_env: str | None = None  # environment variable that holds the key
    api_key_file: str | None = None  # file that holds it; read anew for each batch
    api_key_header: str = "Authorization"  # any other gets the key alone, without "Bearer"
    tls: Tls = Tls()
    connections: Count = 4  # requests under way at a time
    deadline_seconds: Seconds = 5.0  # for all windows of a batch together, retries included
    retries: Annotated[int, Meta(ge=0, le=10)] = 2  # of one window's request
    fallback: Literal["local", "skip"] = "local"  # what the server does not give: run here, or counted as not inspected


class Watchers(_Section, frozen=True):
    """`enabled`: names to run, or ["none"]. Empty: all built-ins."""

    enabled: list[str] = []
    pack: str | None = None  # directory of the model pack; None: the one that ships
    false_positive_rate: Literal["1%", "0.1%"] = "1%"
    remote: Remote = Remote()
    settings: dict[str, WatcherSettings] = {}


class Question(_Section, frozen=True):
    """One thing that the judge is asked of an exchange; it answers with a probability."""

    ask: str
    threshold: Probability = 0.5
    watcher: str | None = None  # WATCHER or WATCHER/LABEL that the answer is compared with; None: the label's own name


class Judge(_Section, frozen=True):
    """A second opinion on a sample of exchanges, by any model behind an OpenAI-compatible API. Off without `endpoint`."""

    endpoint: str | None = None  # base URL such as https://api.openai.com/v1
    model: str = ""
    api_key_env: str | None = None  # environment variable that holds the key
    api_key_file: str | None = None  # file that holds it; read anew for each question
    api_key_header: str = "Authorization"  # any other (api-key) gets the key alone, without "Bearer"
    tls: Tls = Tls()
    sample: Probability = 0.01  # share of all exchanges
    sample_flagged: Probability = 0.0  # share of those that a watcher flagged, beside it
    rubric: dict[str, Question] = {}  # label -> question; empty: toxicity, bias and injection
    text: Literal["masked", "raw"] = "masked"  # the judge is a sink like the log
    text_chars: Count = 8_000  # of one exchange; the newest texts first
    options: dict[str, object] = msgspec.field(
        default_factory=lambda: {"temperature": 0, "max_tokens": 300}
    )  # of the request body, as your model takes them
    tokens_per_day: Count | None = 1_000_000  # UTC days; null: no limit
    cost_per_day: Annotated[float, Meta(gt=0)] | None = None  # in prices.currency; null: no limit
    requests_per_minute: Count = 30
    concurrency: Count = 2
    queue_exchanges: Count = 100  # waiting to be asked about; past it they are dropped and counted
    timeout_seconds: Seconds = 30.0  # of one attempt
    retries: Annotated[int, Meta(ge=0, le=10)] = 2


class Drift(_Section, frozen=True):
    enabled: bool = True
    reference_exchanges: Count = 500
    false_alarm_days: Annotated[float, Meta(gt=0)] = 30.0  # of one stream, by its own measured rate
    streams: Count = 64
    directory: str | None = None  # where baselines are kept; None: in memory
    reference: str | None = None  # a shared baseline: file or URL
    label: str | None = None  # a label of observer.labels: each of its values is watched as streams of its own, too
    options: dict[str, object] = {}


class Log(_Section, frozen=True):
    """The exchange log. `text`: masked (typed placeholders), none, or raw."""

    exchanges: bool = True
    text: Literal["masked", "none", "raw"] = "masked"
    text_chars: Count = 4_000  # of each text; the rest is counted
    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(_Section, frozen=True):
    label_values: Count = 200  # per label; past it "other"
    series: Count = 2_000  # per metric


class Prices(_Section, frozen=True):
    file: str | None = None  # own price file; None: the genai-prices catalogue
    currency: str = "USD"


class Settings(_Section, frozen=True):
    upstream: str | None = None  # short for one route at "/"
    listen: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:9090"
    workers: Count = 1
    routes: list[Route] = []
    limits: Limits = Limits()
    capture: Capture = Capture()
    observer: Observer = Observer()
    watchers: Watchers = Watchers()
    judge: Judge = Judge()
    drift: Drift = Drift()
    log: Log = Log()
    metrics: Metrics = Metrics()
    prices: Prices = Prices()
