"""The demo's last words: what was planted and found, what drifted and why, and where to look further."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sidecar.demo.picture import Drift, Picture
from sidecar.demo.screen import COLOURS
from sidecar.demo.traffic import Sent

_SHOWN_CHARS: Final = 100


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
    for name in ("watcher", "inspected", "clean", "flagged", "screened", "skipped, by reason"):
        table.add_column(name, justify="right" if name not in ("watcher", "skipped, by reason") else "left")
    for watcher, states in sorted(coverage.get("watchers", {}).items()):
        counts = [int(states.get(state, 0)) for state in ("clean", "flagged", "screened")]
        skipped = states.get("skipped") or {}
        seen = sum(counts) + sum(skipped.values())
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items())) or "–"
        table.add_row(watcher, f"{sum(counts) / max(1, seen):.1%}", *map(str, counts), reasons)
    return table


def drifts(picture: Picture) -> Iterator[RenderableType]:
    """Yield what drifted, with the reason, or that nothing did."""
    alarms = [drift for drift in picture.drifts if drift.level in ("warning", "drift")]
    early = [drift for drift in alarms if not drift.after_shift]
    counts = f"{len(early)} alarms before the topic shifted, {len(alarms) - len(early)} after it."
    yield Text.assemble(("Drift  ", "bold"), counts)
    gravest = sorted(alarms, key=lambda drift: (drift.level == "drift", "prompt" in drift.stream))
    for drift in gravest[-1:]:
        yield reason(drift)


def reason(drift: Drift) -> Table:
    """Return one alarm with what its reason says: who, since when, how much, what is new."""
    line = drift.line
    why = line["reason"]
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(width=12)
    table.add_column(ratio=1)
    late = line["index"] - (line["since_index"] or 0)
    table.add_row("  level", Text.assemble((drift.level, COLOURS.get(drift.level, "")), f" of {drift.stream}"))
    table.add_row("  since", f"sample {line['since_index']}; told {late} samples later")
    once = f"a false alarm this strong comes once in {line['evidence']:,.0f} samples"
    table.add_row("  how much", f"{line['effect']:.2f} times the reference's own variation; {once}")
    table.add_row("  who", WHO.get(str(why.get("attribution")), str(why.get("attribution"))))
    for name, text in clusters(why.get("clusters") or {}):
        table.add_row(f"  {name}", text)
    exemplars = why.get("exemplars") or {}
    for name in ("before", "after"):
        for text in list(exemplars.get(name) or ())[:2]:
            table.add_row(f"  {name}", Text(f"“{short(text)}”", "dim"))
    return table


WHO: Final = {
    "prompts": "the users: prompts changed, completions did not",
    "completions": "the model: completions changed, prompts did not",
    "both": "users and model: prompts changed, and completions with them",
    "provider": "the provider: the model behind the name is another one",
}


def clusters(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the topics that are new, grew or shrank: (which, share and what it is about)."""
    if new := found.get("new"):
        yield "new topic", f"{new['before']:.0%} → {new['share']:.0%}  {', '.join(new['terms'])}"
    for name in ("grown", "shrunk"):
        for item in (found.get(name) or ())[:1]:
            yield name, f"{item['before']:.0%} → {item['after']:.0%}  like “{short(item['exemplar'])}”"


def short(text: object) -> str:
    """Return a text in one line, cut."""
    line = " ".join(str(text).split())
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"


def addresses(proxy: str, admin: str) -> Text:
    """Return where to look further."""
    return Text.assemble(
        ("Look around\n", "bold"),
        f"  proxy    {proxy}/v1/models\n",
        f"  metrics  {admin}/metrics\n",
        f"  status   {admin}/status\n",
        f"  config   {admin}/config",
    )
