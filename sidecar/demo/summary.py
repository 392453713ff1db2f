"""The demo's last words: what was planted and found, what drifted and why, and where to look further."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sidecar.demo.picture import Drift, Picture
from sidecar.demo.screen import COLOURS
from sidecar.demo.traffic import Sent


def print_summary(
    console: Console, picture: Picture, sent: Sent, proxy: str, admin: str, coverage: Mapping[str, Any]
) -> None:
    """Print all of it. `coverage` is the part of that name in Sidewatch's own /status."""
    parts: list[RenderableType] = [
        app(picture, sent),
        Text(),
        found(picture),
        Text(),
        ledger(coverage),
        Text(),
        *drifts(picture),
        Text(),
        addresses(proxy, admin),
    ]
    console.print(Panel(Group(*parts), title="[bold]Sidewatch: what it saw[/]", border_style="green", padding=(1, 2)))


def app(picture: Picture, sent: Sent) -> Text:
    """Return how the app fared: a proxy that changes anything would show here."""
    ok = sent.calls - sent.failed - sent.wrong
    return Text.assemble(
        ("The app  ", "bold"),
        f"made {sent.calls} calls by the official OpenAI and Anthropic clients: {ok} answered word for word as the "
        f"provider sent them, {sent.wrong} altered, {sent.failed} failed. {picture.streamed} were streamed. "
        f"{picture.tokens:,} tokens, {picture.cost:.4f} {picture.currency}.",
    )


def found(picture: Picture) -> Table:
    """Return what was planted against what was flagged."""
    title = Text("Planted and found", "bold")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 3, 0, 0))
    for name in ("watcher", "planted", "found", f"false alarms in {picture.benign} harmless exchanges"):
        table.add_column(name, justify="left" if name == "watcher" else "right")
    for watcher in sorted({*picture.planted, *picture.coverage}):
        numbers = (picture.planted[watcher], picture.found[watcher], picture.false_alarms[watcher])
        table.add_row(Text(watcher, COLOURS.get(watcher, "")), *(str(number) for number in numbers))
    return table


def ledger(coverage: Mapping[str, Any]) -> Table:
    """Return the coverage ledger: every exchange and watcher in exactly one state."""
    title = Text(f"Coverage of {coverage.get('seen', 0)} exchanges", "bold")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 3, 0, 0))
    for name in ("watcher", "inspected", "clean", "flagged", "skipped, by reason"):
        table.add_column(name, justify="right" if name in ("inspected", "clean", "flagged") else "left")
    for watcher, states in sorted(coverage.get("watchers", {}).items()):
        clean, flagged = (int(states.get(state, 0)) for state in ("clean", "flagged"))
        skipped = states.get("skipped") or {}
        seen = clean + flagged + sum(skipped.values())
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items())) or "–"
        table.add_row(watcher, f"{(clean + flagged) / max(1, seen):.1%}", str(clean), str(flagged), reasons)
    return table


def drifts(picture: Picture) -> Iterator[RenderableType]:
    """Yield what drifted, with the reason, or that nothing did."""
    yield Text("Drift", "bold")
    alarms = [drift for drift in picture.drifts if drift.level in ("warning", "drift")]
    early = [drift for drift in alarms if not drift.after_shift]
    yield Text(f"{len(early)} alarms before the topic shifted, {len(alarms) - len(early)} after it.")
    worst = next((drift for drift in reversed(alarms) if drift.level == "drift"), alarms[-1] if alarms else None)
    if worst is not None:
        yield reason(worst)


def reason(drift: Drift) -> Text:
    """Return one alarm with what its reason says."""
    line = drift.line
    text = Text.assemble(
        (drift.level, COLOURS.get(drift.level, "")),
        f" of {drift.stream}, since sample {line['since_index']} (told at {line['index']}): "
        f"effect {line['effect']:.2f}, evidence {line['evidence']:,.0f}\n",
    )
    for key, value in line["reason"].items():
        text.append(f"  {key.replace('_', ' ')}: ", "bold").append(f"{short(value)}\n")
    return text


def short(value: object) -> str:
    """Return a value of a reason in one line."""
    if isinstance(value, list):
        return "; ".join(short(item) for item in value[:6])
    if isinstance(value, dict):
        return ", ".join(f"{key} {short(item)}" for key, item in list(value.items())[:6])
    if isinstance(value, float):
        return f"{value:.3g}"
    text = " ".join(str(value).split())
    return text if len(text) <= 90 else text[:90] + "…"


def addresses(proxy: str, admin: str) -> Text:
    """Return where to look further."""
    return Text.assemble(
        ("Look around\n", "bold"),
        f"  proxy    {proxy}      try: curl {proxy}/v1/models\n",
        f"  metrics  {admin}/metrics\n",
        f"  status   {admin}/status\n",
        f"  config   {admin}/config",
    )
