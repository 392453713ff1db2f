"""Plots of an evaluation as plain SVG: axes, ticks, a line, marks. Colours come from the page's style sheet by class."""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

# Of the whole picture and of its margins, in pixels.
_WIDE: Final = 296
_HIGH: Final = 260
_LEFT: Final = 46
_RIGHT: Final = 18
_TOP: Final = 10
_BOTTOM: Final = 38
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its title, what is written at which value, and where a value stands, from 0 to 1."""

    title: str
    ticks: tuple[tuple[float, str], ...]
    place: Callable[[float], float]


def linear(title: str) -> Axis:
    """Return an axis from 0 to 1."""
    ticks = (0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")
    return Axis(title, ticks, lambda value: min(1.0, max(0.0, value)))


def logarithmic(title: str, least: float = 0.001) -> Axis:
    """Return an axis of shares from `least` to 1; what is below stands at its end."""
    decades = round(-math.log10(least))
    ticks = tuple((10.0**-power, f"{10.0 ** (2 - power):g}%") for power in range(decades, -1, -1))
    return Axis(title, ticks, lambda value: max(0.0, 1 + math.log10(max(value, least)) / decades))


@dataclass(slots=True)
class Plot:
    """One picture; draw into it, then `svg` it. Points are in the axes' own units."""

    caption: str
    across: Axis
    up: Axis
    _marks: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], kind: str = "line") -> None:
        path = " ".join("{:.1f},{:.1f}".format(*self._at(point)) for point in points)
        self._marks.append(f"<polyline class='{kind}' points='{path}'/>")

    def dot(self, point: Point, says: str, radius: float = 4, kind: str = "dot") -> None:
        x, y = self._at(point)
        title = f"<title>{html.escape(says)}</title>"
        self._marks.append(f"<circle class='{kind}' cx='{x:.1f}' cy='{y:.1f}' r='{radius:.1f}'>{title}</circle>")

    def bar(self, start: float, end: float, height: float, says: str, kind: str = "bar") -> None:
        (left, top), (right, bottom) = self._at((start, height)), self._at((end, 0.0))
        box = f"x='{left:.1f}' y='{top:.1f}' width='{max(right - left - 1, 1):.1f}' height='{bottom - top:.1f}'"
        self._marks.append(f"<rect class='{kind}' {box}><title>{html.escape(says)}</title></rect>")

    def svg(self) -> str:
        """Return the figure with its caption."""
        return (
            f"<figure><svg width='{_WIDE}' height='{_HIGH}' viewBox='0 0 {_WIDE} {_HIGH}' role='img' "
            f"aria-label='{html.escape(self.caption, quote=True)}'>{self._grid()}{''.join(self._marks)}</svg>"
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )

    def _at(self, point: Point) -> Point:
        across, up = self.across.place(point[0]), self.up.place(point[1])
        return _LEFT + across * (_WIDE - _LEFT - _RIGHT), _TOP + (1 - up) * (_HIGH - _TOP - _BOTTOM)

    def _grid(self) -> str:
        parts = []
        left, bottom = self._at((0.0, 0.0))[0], _HIGH - _BOTTOM
        for value, name in self.across.ticks:
            x = self._at((value, 0.0))[0]
            parts.append(f"<path class='grid' d='M{x:.1f} {_TOP}V{bottom}'/>")
            parts.append(f"<text x='{x:.1f}' y='{bottom + 14}' text-anchor='middle'>{name}</text>")
        for value, name in self.up.ticks:
            y = self._at((0.0, value))[1]
            parts.append(f"<path class='grid' d='M{left:.1f} {y:.1f}H{_WIDE - _RIGHT}'/>")
            parts.append(f"<text x='{left - 5:.1f}' y='{y + 4:.1f}' text-anchor='end'>{name}</text>")
        middle = (_LEFT + _WIDE - _RIGHT) / 2
        parts.append(f"<text x='{middle}' y='{_HIGH - 5}' text-anchor='middle'>{html.escape(self.across.title)}</text>")
        high = (_TOP + bottom) / 2
        turned = f"transform='rotate(-90 11 {high})'"
        parts.append(f"<text x='11' y='{high}' text-anchor='middle' {turned}>{html.escape(self.up.title)}</text>")
        return "".join(parts)
