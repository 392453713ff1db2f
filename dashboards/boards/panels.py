"""Panels as every dashboard uses them: a title, what it tells, a unit, queries, and where to read on.

Queries are PromQL with Grafana's variables. `by_top` keeps a graph readable: never more lines than the busiest few,
the same ones over the whole range (a plain topk picks anew at every step and so draws far more).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.rule import RUNBOOKS

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
LINES: Final = 8  # more of them than this cannot be told apart
NS: Final = 'namespace=~"$namespace"'
ROUTE: Final = f'{NS},route=~"$route"'
GEN_AI: Final = f'{ROUTE},gen_ai_request_model=~"$model"'
STREAM: Final = f'{ROUTE},model=~"$model"'
Query = prometheus.Dataquery
Steps = Mapping[float, str]  # value from which a colour holds; what is below the first is green, or has BASE's
BASE: Final = float("-inf")


def query(expr: str, legend: str = "") -> Query:
    """Return a query over the range of time on the screen."""
    return Query().expr(expr).legend_format(legend or "__auto").range().datasource(SOURCE)


def now(expr: str, legend: str = "") -> Query:
    """Return a query of the present value."""
    return Query().expr(expr).legend_format(legend or "__auto").instant().datasource(SOURCE)


def also(where: str, label: str, pattern: str) -> str:
    """Return a selector's inside with one more condition: the label's whole value matches the pattern."""
    return f'{where},{label}=~"{pattern}"'


def rate(metric: str, where: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Return the PromQL of a counter's rate per second."""
    return f"sum {f'by ({by}) ' if by else ''}(rate({metric}{{{where}}}[{window}]))"


def grown(metric: str, where: str, by: str = "") -> str:
    """Return the PromQL of a counter's growth over the range of time on the screen."""
    return f"sum {f'by ({by}) ' if by else ''}(increase({metric}{{{where}}}[$__range]))"


def counted(expr: str) -> str:
    """Return `expr`, a sum, or 0 where there is no such series yet; nothing where no Sidewatch is scraped: that is no 0."""
    return f"{expr} or 0 * sum(sidewatch_build_info{{{NS}}})"


def by_top(expr: str, by: str, volume: str, where: str) -> str:
    """Return `expr`, which is by `by`, for the labels of most growth of the counter `volume` over the range only."""
    return f"({expr}) and on ({by}) topk({LINES}, sum by ({by}) (increase({volume}{{{where}}}[$__range] @ end())))"


def quantile(share: float, metric: str, where: str, by: str = "") -> str:
    """Return the PromQL of a histogram's quantile."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{where}}}[$__rate_interval])))"


def percentiles(metric: str, where: str) -> list[Query]:
    """Return the queries of a histogram's median, 95th and 99th percentile."""
    return [query(quantile(share, metric, where), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)]


def graph(
    title: str,
    tells: str,
    unit: str,
    *queries: Query,
    stack: bool = False,
    steps: Steps | None = None,
    least: float | None = 0,
    **more: Any,
) -> Any:
    """Return lines over time. `steps` are drawn as dashed lines.

    The legend is a list, several names a line: as a table it would show three of eight.
    """
    legend = common.VizLegendOptions().show_legend(True).display_mode(options.LegendDisplayMode.LIST)
    legend.placement(options.LegendPlacement.BOTTOM).calcs(["lastNotNull"])
    tooltip = common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    panel = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).fill_opacity(40 if stack else 8)
    panel.show_points(options.VisibilityMode.NEVER)
    if least is not None:
        panel.min(least)
    if stack:
        panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if steps:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED))
    return _finished(panel, title, tells, unit, queries, steps, **more)


def number(
    title: str,
    tells: str,
    unit: str,
    *queries: Query,
    steps: Steps | None = None,
    width: int = 4,
    **more: Any,
) -> Any:
    """Return one large number with its course behind it, coloured by `steps`, whole where it counts things (`whole`)."""
    calcs = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().reduce_options(calcs).graph_mode(options.BigValueGraphMode.AREA)
    panel.color_mode(options.BigValueColorMode.BACKGROUND if steps else options.BigValueColorMode.VALUE)
    return _finished(panel, title, tells, unit, queries, steps, width=width, height=4, **more)


def bars(title: str, tells: str, unit: str, expr: str, legend: str, *, steps: Steps | None = None, **more: Any) -> Any:
    """Return the largest present values as horizontal bars."""
    calcs = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = bargauge.Panel().reduce_options(calcs).orientation(options.VizOrientation.HORIZONTAL)
    panel.display_mode(options.BarGaugeDisplayMode.BASIC).show_unfilled(True).min(0)
    return _finished(panel, title, tells, unit, [now(f"topk({LINES}, {expr})", legend)], steps, **more)


def rows(
    title: str, tells: str, unit: str, expr: str, names: Mapping[str, str], *, first_pixels: int = 0, **more: Any
) -> Any:
    """Return a table of the present values. `names`: label, or "Value", to column heading, in order; all else is left out.

    The columns share the width evenly, but for a first one of `first_pixels`.
    """
    order = {label: place for place, label in enumerate(names)}
    organise = {"indexByName": order, "renameByName": names, "includeByName": dict.fromkeys(names, True)}
    panel = (
        table.Panel()
        .align(options.FieldTextAlignment.AUTO)
        .min_width(60)  # Grafana's own 150 pixels would push the last column out of a third of the screen
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=organise))
    )
    if first_pixels:
        width = model.DynamicConfigValue(id_val="custom.width", value=first_pixels)
        panel.override_by_name(next(iter(names.values())), [width])
    return _finished(panel, title, tells, unit, [now(expr).format(PromQueryFormat.TABLE)], None, **more)


def states(title: str, tells: str, expr: str, legend: str, values: Sequence[tuple[str, str]], **more: Any) -> Any:
    """Return coloured bars over time; value n is shown as the n-th (text, colour)."""
    texts = {
        str(n): model.ValueMappingResult(text=text, color=colour, index=n) for n, (text, colour) in enumerate(values)
    }
    panel = statetimeline.Panel().mappings([model.ValueMap(options=texts)]).merge_values(True).row_height(0.8)
    panel.show_value(options.VisibilityMode.NEVER).fill_opacity(80).line_width(0)
    return _finished(panel, title, tells, "short", [query(expr, legend)], None, **more)


def spread(title: str, tells: str, unit: str, metric: str, where: str, **more: Any) -> Any:
    """Return a histogram over time as a heat map."""
    expr = f"sum by (le) (increase({metric}_bucket{{{where}}}[$__rate_interval]))"
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    panel = (
        heatmap.Panel()
        .hide_from(common.HideSeriesConfig())
        .color(colours)
        .show_legend()
        .y_axis(heatmap.YAxisConfig().unit(unit))
    )
    target = query(expr, "{{le}}").format(PromQueryFormat.HEATMAP)
    return _finished(panel, title, tells, unit, [target], None, **more)


def _finished(
    panel: Any,
    title: str,
    tells: str,
    unit: str,
    queries: Sequence[Query],
    steps: Steps | None,
    *,
    width: int = 8,
    height: int = 8,
    most: float | None = None,
    whole: bool = False,
    runbook: str = "",
    absent: str = "",
) -> Any:
    panel.title(title).description(tells).unit(unit).datasource(SOURCE).span(width).height(height)
    panel.thresholds(_thresholds(steps or {}))
    if whole:
        panel.decimals(0)
    if most is not None:
        panel.max(most)
    if absent:
        panel.no_value(absent)
    if runbook:
        url = f"{RUNBOOKS}#{runbook.lower()}"
        panel.links([dashboard.DashboardLink(f"Runbook: {runbook}").url(url).target_blank(True)])
    for letter, target in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(target.ref_id(letter))
    return panel


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    first = [model.Threshold(color=steps.get(BASE, "green"), value=None)]
    others = [model.Threshold(color=colour, value=value) for value, colour in steps.items() if value != BASE]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(first + others)
