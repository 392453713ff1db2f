"""Everything that the settings decide, made in one go: the observer swaps it as a whole when they are reloaded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from sidecar.config.resolve import all_routes, enabled_watchers
from sidecar.observer.drift_streams import DriftStreams
from sidecar.observer.errors import PartsError
from sidecar.observer.exchange_log import ExchangeLog
from sidecar.observer.instruments import Instruments
from sidecar.observer.judge.endpoint import NoAnswerError, key_header
from sidecar.observer.judge.judge import Judge, maybe_cost
from sidecar.observer.labels import Labels
from sidecar.observer.line_writer import LineWriter
from sidecar.observer.mask import Masker
from sidecar.observer.metrics import Metrics
from sidecar.observer.outcome import Outcome
from sidecar.observer.pace import Pace
from sidecar.observer.panel import Panel
from sidecar.observer.prices import PriceError, Prices
from sidecar.observer.recent import Recent
from sidecar.observer.remote.graph import on_server
from sidecar.observer.shared_reference import maybe_reference
from sidecar.proxy.connect import tls_context
from sidecar.settings import Observer, Settings
from watchers import first_stage, registry
from watchers.cascade import Cascade, Depth
from watchers.drift import DriftError, DriftMonitor, DriftSettings
from watchers.encoder import PackEncoder
from watchers.encoding import Encoder
from watchers.pack import BUNDLED, Pack, PackError
from watchers.watcher import WatcherError

log = structlog.get_logger(__name__)

MASKING_TYPES: Final = ("pii", "secrets")


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What the decoder is told of a route."""

    format: str | None
    provider: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """`masking`: watchers that run for the masking alone, because they are not among the enabled ones."""

    settings: Settings
    panel: Panel
    masking: Panel
    masking_names: frozenset[str]  # of the panel's watchers whose spans are masked
    encoder: Encoder | None
    pace: Pace
    routes: Mapping[str, RouteFacts]
    labels: Labels
    prices: Prices
    metrics: Metrics
    exchange_log: ExchangeLog
    recent: Recent
    drift: DriftStreams | None
    judge: Judge | None

    @property
    def names(self) -> list[str]:
        return [watcher.name for watcher in self.panel.watchers]

    @contextmanager
    def reading(self, depth: Depth) -> Iterator[None]:
        """Have texts read at this depth meanwhile, where there is a first stage."""
        if not isinstance(self.encoder, Cascade):
            yield
            return
        self.encoder.depth = depth
        try:
            yield
        finally:
            self.encoder.depth = Depth.FULL

    def masker(self, outcome: Outcome) -> Masker:
        """Return what masks this exchange's texts; without any masking watcher it withholds them."""
        judged = {name: part for name, part in outcome.judgements.items() if name in self.masking_names}
        return Masker(outcome.records, judged | self.masking.judge(outcome.records))


class Workshop:
    """Makes Parts. What outlives a reload (metrics, streams, recent flags, the encoder) is kept here.

    Raises PartsError where the settings cannot be used; what was made before goes on.
    """

    def __init__(self, instruments: Instruments, writer: LineWriter, colors: bool = False) -> None:
        self._instruments, self._writer, self._colors = instruments, writer, colors
        self._recent = Recent()
        self.judge = Judge(instruments)
        self._encoder: tuple[tuple[object, ...], PackEncoder] | None = None
        self._cascade: tuple[PackEncoder, Cascade] | None = None
        self._monitor: tuple[tuple[object, ...], DriftMonitor] | None = None

    def make(self, settings: Settings) -> Parts:
        try:
            return self._make(settings)
        except (WatcherError, PackError, PriceError, DriftError) as error:
            raise PartsError(str(error)) from error

    def _make(self, settings: Settings) -> Parts:
        configured, names = settings.watchers.settings, enabled_watchers(settings)
        rate = settings.watchers.false_positive_rate
        masking = [
            name for name in names if ((configured[name].type if name in configured else None) or name) in MASKING_TYPES
        ]
        extra = [name for name in MASKING_TYPES if name not in masking] if needs_masking(settings) else []
        encoder = self._maybe_screened(settings, self._maybe_encoder(settings, names))
        exchange_log = ExchangeLog(settings.log, self._writer.write, self._colors)
        prices = Prices(settings.prices.file, settings.prices.currency)
        _check_judge(settings, prices)
        made = Parts(
            settings=settings,
            panel=Panel(registry.build(names, configured, encoder, rate), self._instruments),
            masking=Panel(registry.build(extra, {}, encoder, rate), self._instruments),
            masking_names=frozenset(masking),
            encoder=encoder,
            pace=Pace(_paced(settings, encoder)),
            routes={
                route.name: RouteFacts(route.format, route.provider, urlsplit(route.upstream).hostname)
                for route in all_routes(settings)
            },
            labels=Labels(settings.observer.labels, settings.observer.decoded_bytes),
            prices=prices,
            metrics=Metrics(
                self._instruments, frozenset(label.name for label in settings.observer.labels if label.metric)
            ),
            exchange_log=exchange_log,
            recent=self._recent,
            drift=self._maybe_drift(settings, encoder, exchange_log),
            judge=self.judge if settings.judge.endpoint else None,
        )
        self.judge.configure(settings.judge, prices, exchange_log.judged)
        return made

    def _maybe_screened(self, settings: Settings, encoder: PackEncoder | None) -> Encoder | None:
        """Return the encoder behind its pack's first stage, where it has one and the settings do not rule it out."""
        if encoder is None or settings.observer.first_stage == "off":
            return encoder
        first = encoder.pack.first
        if first is None:
            return encoder
        if lowered := sorted(_lowered(settings, encoder.pack)):
            log.warning("first stage off: it was made for the pack's thresholds", lower=lowered)
            return encoder
        if self._cascade is None or self._cascade[0] is not encoder:
            loaded = first_stage.load(first, list(encoder.pack.heads), encoder.pack.labels, encoder.model)
            self._cascade = (encoder, Cascade(encoder, loaded))
        return self._cascade[1]

    def _maybe_encoder(self, settings: Settings, names: Sequence[str]) -> PackEncoder | None:
        """Return the pack's encoder where a watcher reads it, or drift should; the loaded one while it is the same.

        Without any watcher none is loaded, though drift is on: then scalars drift and patterns alone mask.
        """
        drifts = settings.drift.enabled and bool(names)
        if not (drifts or registry.needs_encoder(names, settings.watchers.settings)):
            return None
        folder = Path(settings.watchers.pack) if settings.watchers.pack else BUNDLED
        key = (folder, _description(folder), settings.observer.text_tokens, settings.watchers.remote)
        if self._encoder is None or self._encoder[0] != key:
            threads, tokens = settings.observer.threads, settings.observer.text_tokens
            graph = on_server(settings.watchers.remote, self._instruments, threads)
            self._encoder = (key, PackEncoder(folder, threads=threads, budget_tokens=tokens, graph=graph))
        return self._encoder[1]

    def _maybe_drift(
        self, settings: Settings, encoder: Encoder | None, exchange_log: ExchangeLog
    ) -> DriftStreams | None:
        if not settings.drift.enabled:
            return None
        key = (settings.drift, encoder.model if encoder else "none")
        if self._monitor is not None and self._monitor[0] == key:
            return DriftStreams(self._monitor[1], encoder, self._instruments, exchange_log.drift, settings.drift.label)
        shared = maybe_reference(settings.drift.reference, key[1])
        self._monitor = (key, DriftMonitor(drift_settings(settings), key[1], shared))
        streams = DriftStreams(self._monitor[1], encoder, self._instruments, exchange_log.drift, settings.drift.label)
        _restore(streams, settings)
        return streams


def _lowered(settings: Settings, pack: Pack) -> Iterator[str]:
    """Yield the labels of the pack's heads that are to flag below the thresholds the first stage was made for."""
    for head, labels in pack.heads.items():
        for name, configured in settings.watchers.settings.items():
            if (configured.type or name) == head:
                for label in labels:
                    if configured.thresholds.get(label, 1.0) < pack.threshold(label):
                        yield f"{name}/{label}"


def _paced(settings: Settings, encoder: Encoder | None) -> Observer:
    """Return the settings of the pace: without a first stage everything is read in full."""
    observer = settings.observer
    return observer if isinstance(encoder, Cascade) else msgspec.structs.replace(observer, first_stage="off")


def drift_state(settings: Settings) -> Path | None:
    """Return the file in which the streams are kept across restarts, None where they live in memory only."""
    return Path(settings.drift.directory) / "streams.state" if settings.drift.directory else None


def _restore(streams: DriftStreams, settings: Settings) -> None:
    """Load the streams' state where there is one; one that cannot be used is said and learned anew."""
    file = drift_state(settings)
    if file is None or not file.exists():
        return
    try:
        streams.load(file)
    except (DriftError, OSError) as error:
        log.warning("drift streams are learned anew", file=str(file), problem=str(error))


def _description(folder: Path) -> bytes:
    """Return the pack's description, which holds its files' hashes; empty where there is none (loading it will say so)."""
    try:
        return (folder / "pack.json").read_bytes()
    except OSError:
        return b""


def needs_masking(settings: Settings) -> bool:
    """Say whether a masked text goes anywhere: into the exchange log, into the reason of a drift, or to the judge."""
    judged = settings.judge.endpoint is not None and settings.judge.text == "masked"
    return judged or settings.log.text == "masked" or (settings.drift.enabled and settings.log.text == "raw")


def _check_judge(settings: Settings, prices: Prices) -> None:
    """Raise PartsError where the judge could only fail: no key, no certificate, a budget in money without a price."""
    judge = settings.judge
    if not judge.endpoint:
        return
    try:
        key_header(judge)
        tls_context(judge.tls)
    except NoAnswerError as error:
        raise PartsError(f"judge: the API key cannot be had: {error}") from error
    except OSError as error:
        raise PartsError(f"judge.tls: {error}") from error
    if judge.cost_per_day is not None and maybe_cost(judge, prices, 1_000, 1_000) is None:
        raise PartsError(
            f"judge.cost_per_day: no price of model {judge.model!r} is known; add it to prices.file, or give tokens_per_day"
        )


def drift_settings(settings: Settings) -> DriftSettings:
    """Return the drift watch's own settings. Raises DriftError for an option that it does not know or cannot use."""
    drift = settings.drift
    known = {field.name for field in fields(DriftSettings)}
    if unknown := sorted(drift.options.keys() - known):
        raise DriftError(f"drift.options.{unknown[0]}: there is no such option; use one of {', '.join(sorted(known))}")
    values: dict[str, object] = {
        "reference_samples": drift.reference_exchanges,
        # Said in exchanges, the promise is not measured in days.
        "false_alarm_days": None if "alarm_every" in drift.options else drift.false_alarm_days,
        "streams": drift.streams,
    }
    try:
        return msgspec.convert(values | drift.options, DriftSettings)
    except msgspec.ValidationError as error:
        raise DriftError(f"drift.options: {error}") from error
