"""Metrics of decoded exchanges: a sink that turns each outcome into counters and histograms."""

from itertools import pairwise

from sidecar.observer.instruments import Instruments
from sidecar.observer.metric_table import Labels
from sidecar.observer.outcome import Outcome
from sidecar.wire.exchange import Operation, UsageSource
from watchers.watcher import Record, Verdict

GENERATING = (Operation.CHAT, Operation.TEXT_COMPLETION, Operation.GENERATE_CONTENT, Operation.REALTIME)


class Metrics:
    """`label_names`: the configured labels that are also metrics."""

    def __init__(self, instruments: Instruments, label_names: frozenset[str] = frozenset()) -> None:
        self._to, self._label_names = instruments, label_names

    def emit(self, outcome: Outcome) -> None:
        self._decoding(outcome)
        self._judging(outcome)
        if outcome.exchange.operation not in (Operation.UNKNOWN, Operation.OTHER):
            labels = gen_ai(outcome)
            self._timing(outcome, labels)
            self._tokens(outcome, labels)
            self._answers(outcome)
        self._labelled(outcome)

    def _decoding(self, outcome: Outcome) -> None:
        exchange = outcome.exchange
        stream = str(exchange.stream).lower()
        row = (exchange.format, exchange.provider, exchange.operation, stream, outcome.capture.route)
        self._to.add("sidewatch_decoded_exchanges_total", row)
        if exchange.decode_error:
            self._to.add("sidewatch_decode_errors_total", (exchange.format, exchange.decode_error))

    def _timing(self, outcome: Outcome, labels: Labels) -> None:
        duration = outcome.capture.ended_seconds
        self._to.observe("gen_ai_client_operation_duration_seconds", (*labels, outcome.error_type()), [duration])
        chunks = outcome.exchange.timings.output_chunk_seconds
        if not (outcome.exchange.stream and chunks):
            return
        self._to.observe("gen_ai_client_operation_time_to_first_chunk_seconds", labels, chunks[:1])
        gaps = [after - before for before, after in pairwise(chunks)]
        self._to.observe("gen_ai_client_operation_time_per_output_chunk_seconds", labels, gaps)

    def _tokens(self, outcome: Outcome, labels: Labels) -> None:
        if outcome.exchange.operation is Operation.COUNT_TOKENS:
            return  # counted, not used
        usage = outcome.exchange.usage
        said = usage.source is UsageSource.PROVIDER
        for kind, count in (("input", usage.input), ("output", usage.output)):
            if count is not None and said:  # the conventions: reported only where it is known
                self._to.observe("gen_ai_client_token_usage", (*labels, kind), [count])
        for kind in ("input", "output", "cached_input", "cache_write_input", "reasoning"):
            count = getattr(usage, kind)
            if count is not None:
                self._to.add("sidewatch_tokens_total", (*labels, kind, usage.source), count)
        if outcome.cost is not None:
            self._to.add("sidewatch_cost_total", (*labels, outcome.cost.currency, usage.source), outcome.cost.amount)
        elif outcome.price_missing:
            self._to.add("sidewatch_price_misses_total", (outcome.exchange.provider, model(outcome)))

    def _answers(self, outcome: Outcome) -> None:
        if outcome.exchange.operation not in GENERATING:
            return
        where = (outcome.capture.route, outcome.exchange.request_model or "")
        for choice in outcome.exchange.choices:
            self._to.add("sidewatch_finish_reasons_total", (*where, choice.finish_reason or "none"))
            if choice.refusal:
                self._to.add("sidewatch_refusals_total", where)
            if choice.tool_calls:
                self._to.add("sidewatch_tool_calls_total", where, len(choice.tool_calls))

    def _judging(self, outcome: Outcome) -> None:
        for name, judged in outcome.judgements.items():
            for record, judgement in zip(outcome.records, judged, strict=True):
                if record.position in outcome.fresh:
                    if outcome.full and judgement.screen is not None:
                        self._to.add("sidewatch_first_stage_checks_total", (name, judgement.screen))
                    for verdict in judgement.verdicts:
                        self._verdict(name, record, verdict, outcome.capture.route)

    def _verdict(self, watcher: str, record: Record, verdict: Verdict, route: str) -> None:
        row = (watcher, verdict.label, record.direction)
        if verdict.score > 0:  # a finder's 0 says "not found": dozens of labels would each be a histogram of nothing
            self._to.observe("sidewatch_watcher_score", row, [verdict.score])
        if verdict.flagged:
            self._to.add("sidewatch_flags_total", (*row, route))

    def _labelled(self, outcome: Outcome) -> None:
        usage = outcome.exchange.usage
        for name in self._label_names & outcome.labels.keys():
            row = (name, outcome.labels[name])
            self._to.add("sidewatch_label_exchanges_total", row)
            used = outcome.exchange.operation is not Operation.COUNT_TOKENS
            for kind, count in (("input", usage.input), ("output", usage.output)):
                if count and used:
                    self._to.add("sidewatch_label_tokens_total", (*row, kind), count)
            if outcome.cost is not None:
                self._to.add("sidewatch_label_cost_total", (*row, outcome.cost.currency), outcome.cost.amount)
            for record, verdict in outcome.flags():
                if record.position in outcome.fresh:
                    self._to.add("sidewatch_label_flags_total", (*row, verdict.watcher))


def gen_ai(outcome: Outcome) -> Labels:
    """Return the values of `metric_table.GEN_AI`."""
    exchange = outcome.exchange
    models = (exchange.request_model or "", exchange.response_model or "")
    return (exchange.operation, exchange.provider, *models, outcome.capture.route)


def model(outcome: Outcome) -> str:
    return outcome.exchange.response_model or outcome.exchange.request_model or ""
