"""`sidewatch watchers`: list them, measure them on labelled texts, set thresholds for your own traffic."""

import argparse
import hashlib
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sidecar import __version__
from sidecar.commands import export
from sidecar.commands.arguments import Subparsers, add_settings, add_watchers, load_settings, subcommand
from sidecar.commands.rows import Row, rows, write_json
from sidecar.errors import CommandError

if TYPE_CHECKING:
    from watchers.evaluation import Evaluation
    from watchers.watcher import Verdict, Watcher

_EXAMPLES: Final = """\
  sidewatch watchers list
  sidewatch watchers eval --data labelled.jsonl --watchers toxicity --slice source --report toxicity.html
  sidewatch watchers eval --data labelled.jsonl --label hate=toxicity/identity_attack --minimum auroc=0.9
  sidewatch watchers eval --data labelled.jsonl --minimum toxicity/toxicity:recall_at_1%=0.6 --maximum calibration_error=0.03
  sidewatch watchers calibrate --data harmless-traffic.jsonl --rate 0.1% > thresholds.yaml

eval reads {"text", "labels": {"toxicity/insult": 1, …}, "role"}: labels are named watcher/label, or by the label
alone, or by --label; values from 0.5 on are positive; a row counts for the labels that it has.
calibrate reads {"text", "role"} lines of harmless traffic. Its thresholds are conformal: whatever the traffic is like,
another harmless text of it is flagged with a probability of at most the rate, label by label; that takes 99 texts for
1%, 999 for 0.1%. Labels that keep within the rate keep their thresholds, unless --lower asks for the whole of it."""
_BATCH: Final = 64


def add(commands: "Subparsers[Any]") -> None:
    """Describe the command."""
    parser = subcommand(commands, "watchers", "list, measure, calibrate and export the watchers", _EXAMPLES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    one = subcommand(actions, "list", "list the enabled watchers with labels and thresholds", "")
    one.set_defaults(run=list_watchers)
    two = subcommand(actions, "eval", "measure watchers on labelled texts", _EXAMPLES)
    two.add_argument("--data", metavar="FILE", required=True, help="JSON lines, .gz allowed; - is standard input")
    two.add_argument("--label", metavar="NAME=WATCHER/LABEL", action="append", default=[], help="what a name means")
    two.add_argument("--slice", metavar="KEY", action="append", default=[], help="also by the values of this key")
    two.add_argument("--report", metavar="FILE.html", help="write curves and tables as one HTML page")
    for name, way in (("--minimum", "below"), ("--maximum", "above")):
        what = f"exit 1 where a figure is {way}, on all rows; of one label: LABEL:FIGURE=VALUE"
        two.add_argument(name, metavar="FIGURE=VALUE", action="append", default=[], help=what)
    two.set_defaults(run=evaluate)
    three = subcommand(actions, "calibrate", "set thresholds for a false-positive rate on your own traffic", _EXAMPLES)
    three.add_argument(
        "--data", metavar="FILE", required=True, help="harmless texts as JSON lines; - is standard input"
    )
    three.add_argument("--rate", default="1%", help="share of harmless texts that may be flagged, per label; 1%%")
    three.add_argument("--lower", action="store_true", help="also lower thresholds, down to the rate")
    three.set_defaults(run=calibrate)
    for action in (one, two, three):
        add_watchers(action)
        add_settings(action)
        action.add_argument("--json", action="store_true", help="write JSON instead of text")
    four = subcommand(actions, "export", "lay the pack's graph out for an inference server", export.EXAMPLES)
    export.add_arguments(four)
    four.add_argument("--pack", metavar="DIR", help="model pack; the one that ships otherwise")
    add_settings(four)


def _panel(args: argparse.Namespace) -> "list[Watcher]":
    from sidecar.commands.judging import panel

    return panel(load_settings(args, without_upstream=True))


def list_watchers(args: argparse.Namespace) -> int:
    """Write name, model and labels of each."""
    watchers = _panel(args)
    if args.json:
        write_json([{"name": w.name, "model": w.model, "labels": dict(w.labels)} for w in watchers], indent=2)
        return 0
    for watcher in watchers:
        sys.stdout.write(f"{watcher.name}  (model {watcher.model})\n")
        sys.stdout.writelines(f"  {label:<24} threshold {value:.3f}\n" for label, value in watcher.labels.items())
    return 0


def judged(watchers: "list[Watcher]", read: list[Row]) -> "dict[str, dict[int, Verdict]]":
    """Return verdicts by "watcher/label" and row; a row that a watcher skipped has none. Raises CommandError."""
    from sidecar.commands.judging import ROLES, record

    records = []
    for number, row in enumerate(read):
        if not isinstance(row.get("text"), str) or row.get("role", "user") not in ROLES:
            raise CommandError(f"row {number + 1}: expected a text and a role of {', '.join(ROLES)}", 2)
        records.append(record(str(number), row["text"], row.get("role", "user")))
    found: dict[str, dict[int, Verdict]] = {}
    for start in range(0, len(records), _BATCH):
        for watcher in watchers:
            for offset, judgement in enumerate(watcher.watch(records[start : start + _BATCH])):
                for verdict in judgement.verdicts:
                    found.setdefault(f"{watcher.name}/{verdict.label}", {})[start + offset] = verdict
    return found


def evaluate(args: argparse.Namespace) -> int:
    """Measure. Returns 1 where a minimum is not reached."""
    from sidecar.commands.eval_report import page

    watchers, read = _panel(args), list(rows(args.data))
    limits = [*_limits(args.minimum, "least"), *_limits(args.maximum, "most")]
    cases = list(_cases(watchers, read, dict(_pair(text, str) for text in args.label)))
    if not read:
        raise CommandError(f"{args.data}: there are no rows; write one JSON object a line", 2)
    if not cases:
        raise CommandError(f"{args.data}: no row has a label of these watchers; name them with --label", 2)
    found = [result for case in cases for result in _evaluated(case, read, args.slice)]
    if args.json:
        write_json([asdict(result) for result in found], indent=2)
    else:
        sys.stdout.writelines(table(found))
    if args.report:
        Path(args.report).write_text(page(found, cases, Path(args.data).name), encoding="utf-8")
        sys.stderr.write(f"sidewatch: report in {args.report}\n")
    return _beyond(found, limits)


Case = tuple[str, float, list[int], Any, Any]  # label, threshold, rows, truth, scores


def _cases(watchers: "list[Watcher]", read: list[Row], names: Mapping[str, str]) -> Iterator[Case]:
    """Yield each label that rows say something of, with truth and scores as arrays."""
    import numpy as np

    verdicts = judged(watchers, read)
    for watcher in watchers:
        for label, threshold in watcher.labels.items():
            full = f"{watcher.name}/{label}"
            accepted = {full, label, *(name for name, meant in names.items() if meant == full)}
            truth = {i: value for i, row in enumerate(read) for value in [_truth(row, accepted)] if value is not None}
            of_label = verdicts.get(full, {})
            places = [index for index in truth if index in of_label]
            if places:
                yield (
                    full,
                    threshold,
                    places,
                    np.array([truth[i] for i in places]),
                    np.array([of_label[i].score for i in places]),
                )


def _truth(row: Row, accepted: set[str]) -> float | None:
    labels = row.get("labels")
    values = [value for name, value in (labels if isinstance(labels, dict) else {}).items() if name in accepted]
    return float(values[0]) if values and isinstance(values[0], bool | int | float) else None


def _evaluated(case: Case, read: list[Row], slices: list[str]) -> "list[Evaluation]":
    from watchers.evaluation import columns, evaluate

    label, threshold, places, truth, scores = case
    return evaluate(label, threshold, truth, scores, columns([read[index] for index in places], slices))


def table(found: "list[Evaluation]") -> Iterator[str]:
    """Yield the results as lines of text."""
    for result in found:
        yield f"{result.label}  [{result.slice}]  {result.rows} rows, {result.positives} positive\n"
        for name, figure in result.figures.items():
            yield f"  {name:<20} {figure.value:.4f}  ({figure.low:.4f} to {figure.high:.4f})\n"


Limit = tuple[str, str, str, float]  # label or "" for all, figure, "least" or "most", value


def _limits(texts: list[str], way: str) -> Iterator[Limit]:
    from watchers.evaluation import FIGURES

    for text in texts:
        name, value = _pair(text, float)
        label, _, figure = name.rpartition(":")
        if figure not in FIGURES:
            raise CommandError(f"{text}: there is no figure {figure!r}; known: {', '.join(FIGURES)}", 2)
        yield label, figure, way, value


def _beyond(found: "list[Evaluation]", limits: list[Limit]) -> int:
    """Write which figures are beyond their limits; an undefined figure is beyond any."""
    from watchers.evaluation import EVERYTHING

    whole = [result for result in found if result.slice == EVERYTHING]
    if unknown := {label for label, *_ in limits if label} - {result.label for result in whole}:
        raise CommandError(f"no row has the label {sorted(unknown)[0]}", 2)
    missed = [
        f"sidewatch: {result.label}: {figure} is {result.figures[figure].value:.4f}, at {way} {limit:g} wanted\n"
        for result in whole
        for label, figure, way, limit in limits
        if label in ("", result.label)
        and not (result.figures[figure].value >= limit if way == "least" else result.figures[figure].value <= limit)
    ]
    sys.stderr.writelines(missed)
    return 1 if missed else 0


def calibrate(args: argparse.Namespace) -> int:
    """Write thresholds for the rate as YAML that a configuration takes, headed by what they were made from."""
    import yaml

    watchers, read, rate = _panel(args), list(rows(args.data)), _rate(args.rate)
    least = math.ceil(1 / rate) - 1
    if len(read) < least:
        raise CommandError(f"{args.data}: {len(read)} texts are too few for {args.rate}: give at least {least}", 2)
    found: dict[str, dict[str, Any]] = {}
    for name, verdicts in judged(watchers, read).items():
        watcher, label = name.split("/", 1)
        threshold = _conformal(name, [verdict.score for verdict in verdicts.values()], rate)
        own = max(verdict.threshold for verdict in verdicts.values())
        if threshold is not None and (threshold > own or (args.lower and threshold < own)):
            found.setdefault(watcher, {"thresholds": {}})["thresholds"][label] = threshold
    content = {"watchers": {"settings": found}}
    if args.json:
        write_json(content, indent=2)
    else:
        sys.stdout.writelines(_made_from(args.rate, read, watchers))
        sys.stdout.write(yaml.safe_dump(content, sort_keys=False))
    return 0


def _conformal(name: str, scores: list[float], rate: float) -> float | None:
    """Return the threshold that keeps the rate; None where the label's own is left, because any would, or none can be had."""
    import numpy as np

    from watchers.metrics import conformal_threshold

    try:
        threshold = conformal_threshold(np.array(scores), rate)
    except ValueError as error:
        sys.stderr.write(f"sidewatch: {name}: {error}; left as it is\n")
        return None
    if threshold <= np.nextafter(0.0, 1.0):  # it finds something in fewer texts than the rate
        return None
    if threshold > 1.0:
        sys.stderr.write(
            f"sidewatch: {name}: scores 1 on more than {rate:g} of the texts: no threshold keeps the rate\n"
        )
    return round(min(1.0, math.ceil(threshold * 1e6) / 1e6), 6)


def _made_from(rate: str, read: list[Row], watchers: "list[Watcher]") -> Iterator[str]:
    """Yield comments that tell versions apart: the program's, the texts', each watcher's model."""
    texts = hashlib.sha256("\0".join(row["text"] for row in read).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    yield f"# sidewatch {__version__} watchers calibrate --rate {rate}: {len(read)} harmless texts ({texts}).\n"
    yield f"# Another text of the same traffic reaches a label's threshold with a probability of at most {rate}.\n"
    yield f"# Models: {', '.join(f'{watcher.name} {watcher.model}' for watcher in watchers)}\n"


def _rate(text: str) -> float:
    try:
        rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        raise CommandError(f"--rate {text}: expected a share such as 1%, 0.1% or 0.01", 2)
    return rate


def _pair(text: str, kind: Any) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        if equals:
            return name, kind(value)
    except ValueError:
        pass
    raise CommandError(f"{text}: expected NAME=VALUE", 2)
