"""What every dashboard has: variables, marks for changes, links to the others and to the runbooks, stable uids."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.boards.panels import NS, ROUTE, SOURCE
from dashboards.rule import RUNBOOKS

TAG: Final = "sidewatch"
WIDTH: Final = 24  # columns of Grafana's grid
ALL: Final = model.VariableOption(text="All", value="$__all", selected=True)
# variable -> (what the menu calls it, whose values). `label` and `value` are a configured label, such as app = web.
VARIABLES: Final = {
    "namespace": ("Namespace", "label_values(sidewatch_build_info, namespace)"),
    "route": ("Route", f"label_values(sidewatch_exchanges_total{{{NS}}}, route)"),
    "model": (
        "Model",
        f"label_values(gen_ai_client_operation_duration_seconds_count{{{ROUTE}}}, gen_ai_request_model)",
    ),
    "watcher": ("Watcher", f"label_values(sidewatch_watcher_exchanges_total{{{NS}}}, watcher)"),
    "label": ("Label", f"label_values(sidewatch_label_exchanges_total{{{NS}}}, label)"),
    "value": ("App", f'label_values(sidewatch_label_exchanges_total{{{NS},label=~"$label"}}, value)'),
}
# What changes under the panels: name -> (colour, expression, which labels the mark shows). Two minutes, because a
# mark's own interval may hold a single scrape, in which nothing can be seen to grow.
MARKS: Final = {
    "Drift": (
        "red",
        f"sum by (route, model, direction, state) (increase(sidewatch_drift_events_total{{{NS}}}[2m])) > 0",
        "{{direction}} of {{model}} on {{route}} is now: {{state}}",
    ),
    "Observer restarted": (
        "orange",
        f"sum by (namespace, pod) (increase(sidewatch_observer_losses_total{{{NS}}}[2m])) > 0",
        "{{namespace}} {{pod}}",
    ),
    "Release": (
        "blue",
        f"(count by (version) (sidewatch_build_info{{{NS}}}) unless count by (version) (sidewatch_build_info{{{NS}}} offset 5m)) and on () count(sidewatch_build_info{{{NS}}} offset 5m)",
        "Sidewatch {{version}}",
    ),
}
Row = tuple[str, Sequence[Any]]


def board(name: str, title: str, tells: str, variables: Iterable[str], content: Sequence[Row]) -> dashboard.Dashboard:
    """Return a dashboard: `content` is rows of panels with headings."""
    built = dashboard.Dashboard(f"Sidewatch / {title}").uid(f"sidewatch-{name}").description(tells).tags([TAG])
    built.refresh("30s").time("now-3h", "now").timezone("browser").tooltip(
        model.DashboardCursorSync.CROSSHAIR
    ).editable()
    built.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    for variable in variables:
        built.with_variable(_variable(variable))
    built.annotations([_mark(mark) for mark in MARKS])
    others = dashboard.DashboardLink("Sidewatch").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    built.link(others.include_vars(True).keep_time(True))
    built.link(dashboard.DashboardLink("Runbooks").url(RUNBOOKS).icon("doc").target_blank(True))
    number = iter(range(1, 1000))
    for heading, panels in content:
        built.with_row(dashboard.Row(heading).id(next(number)))
        for panel in panels:
            built.with_panel(panel.id(next(number)))
    _place(built.build().panels or [])
    return built


def _place(panels: Sequence[Any]) -> None:
    """Put every panel at the first place that is free, row by row: small ones fill the space beside a large one."""
    floor, taken = 0, set[tuple[int, int]]()
    for panel in panels:
        at = panel.grid_pos
        if panel.type_val == "row":
            at.x, at.y = 0, max((y for _, y in taken), default=floor - 1) + 1
            floor = at.y + 1
        else:
            at.x, at.y = next(
                (x, y)
                for y in range(floor, floor + 1000)
                for x in range(WIDTH - at.w + 1)
                if not _cells(x, y, at.w, at.h) & taken
            )
        taken |= _cells(at.x, at.y, at.w, at.h)


def _cells(x: int, y: int, width: int, height: int) -> set[tuple[int, int]]:
    return {(column, row) for column in range(x, x + width) for row in range(y, y + height)}


def encoded(built: dashboard.Dashboard) -> str:
    """Return the dashboard's JSON."""
    tree = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for mark in tree["annotations"]["list"]:  # the SDK's annotation has no place for what Grafana shows beside a mark
        mark |= {"titleFormat": mark["name"], "textFormat": MARKS[mark["name"]][2]}
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def _variable(name: str) -> dashboard.QueryVariable:
    label, values = VARIABLES[name]
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": values, "refId": name, "qryType": 1})
    )
    variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    return variable.multi(True).include_all(True).all_value(".*").current(ALL)


def _mark(name: str) -> dashboard.AnnotationQuery:
    colour, expr, _ = MARKS[name]
    return dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expr)
