"""The demo's live screen: rich on a terminal, plain lines where there is none."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sidecar.demo.picture import Drift, Picture, Row

COLOURS: Final = {
    "toxicity": "red",
    "bias": "magenta",
    "injection": "bright_red",
    "pii": "yellow",
    "secrets": "bright_yellow",
    "drift": "bold red",
    "warning": "yellow",
    "stable": "green",
    "insufficient_data": "dim",
}
_REFRESH_PER_SECOND: Final = 8


class Screen:
    """Shows a picture while it grows. `title` holds the addresses; use it as a context manager."""

    def __init__(self, picture: Picture, title: str, total: int, console: Console) -> None:
        self._picture, self._title, self._total, self._console = picture, title, total, console
        self._live = Live(console=console, refresh_per_second=_REFRESH_PER_SECOND, get_renderable=self._render)

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(self._title)
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, event: Row | Drift | None) -> None:
        """Tell of one event; the live screen draws itself."""
        if self._console.is_terminal or event is None:
            return
        if isinstance(event, Drift):
            self._console.print(f"drift: {event.stream} is now {event.level}", soft_wrap=True)
        elif event.flags:
            self._console.print(f"{event.time} {', '.join(event.flags)}: {event.text}", soft_wrap=True, markup=False)

    def _render(self) -> RenderableType:
        picture = self._picture
        rows = max(4, min(len(picture.rows), (self._console.height - 17) // 2))
        return Group(
            Panel(Text.assemble((self._title, "bold")), subtitle=f"{picture.exchanges} of {self._total} exchanges"),
            Panel(traffic(list(picture.rows)[-rows:]), title="traffic", border_style="blue"),
            Panel(
                flagged(list(picture.evidence)[-rows:]), title="flagged, with the masked evidence", border_style="red"
            ),
            Panel(state(picture), title="so far", border_style="green"),
        )


def traffic(rows: Iterable[Row]) -> Table:
    """Return the newest exchanges."""
    table = Table.grid(padding=(0, 2), expand=True)
    for name, width in (("time", 8), ("wire", 18), ("model", 18), ("tokens", 9), ("first token", 8)):
        table.add_column(name, width=width, no_wrap=True)
    table.add_column("text", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        style = "bold" if row.flags else "dim"
        cells = (row.time, row.wire, row.model, row.tokens, f"{row.milliseconds} ms")
        table.add_row(*cells, Text(row.text), style=style)
    return table


def flagged(rows: Iterable[Row]) -> Table:
    """Return the newest flagged exchanges."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column("time", width=8)
    table.add_column("flags", width=36, no_wrap=True, overflow="ellipsis")
    table.add_column("text", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(row.time, flags(row.flags), Text(row.text))
    return table


def flags(names: Iterable[str]) -> Text:
    """Return flags, coloured by watcher."""
    by_watcher: dict[str, list[str]] = {}
    for name in names:
        watcher, _, label = name.partition("/")
        by_watcher.setdefault(watcher, []).append(label)
    text = Text(overflow="ellipsis", no_wrap=True)
    for watcher, labels in by_watcher.items():
        text.append(f"{watcher} ", COLOURS.get(watcher, "cyan")).append(", ".join(labels) + "  ")
    return text


def state(picture: Picture) -> Table:
    """Return the running totals."""
    table = Table.grid(padding=(0, 3))
    counts = Text.assemble(
        (f"{picture.exchanges}", "bold"),
        f" exchanges, {picture.streamed} streamed · {picture.tokens:,} tokens · ",
        (f"{picture.cost:.4f} {picture.currency}", "bold"),
    )
    table.add_row("traffic", counts)
    table.add_row("flagged", flags(f"{name}/{count}" for name, count in sorted(picture.flags.items())) or Text("–"))
    table.add_row("coverage", coverage(picture))
    drift = Text()
    for stream, level in sorted(picture.levels.items()):
        drift.append(f"{stream}: ").append(f"{level}   ", COLOURS.get(level, ""))
    table.add_row("drift", drift if picture.levels else Text("learning what is normal", "dim"))
    return table


def coverage(picture: Picture) -> Text:
    """Return for each watcher the share of exchanges that it inspected."""
    text = Text()
    for watcher, states in sorted(picture.coverage.items()):
        inspected = states["clean"] + states["flagged"] + states["screened"]
        text.append(f"{watcher} {inspected / max(1, states.total()):.0%}   ")
    return text
