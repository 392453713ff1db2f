"""Cost and tokens: who spends what, on which model, and what the cache saves."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import (
    GEN_AI,
    NS,
    also,
    bars,
    by_top,
    counted,
    graph,
    grown,
    now,
    number,
    quantile,
    query,
    rate,
    rows,
)

COST, TOKENS = "sidewatch_cost_total", "sidewatch_tokens_total"
MODEL = "gen_ai_request_model"
APP = f'{NS},label=~"$label",value=~"$value"'


def cost() -> Dashboard:
    cached, taken = f'{GEN_AI},type="cached_input"', f'{GEN_AI},type="input"'
    budget = "max(sidewatch:objective:budget_per_day)"
    return board(
        "cost",
        "Cost and tokens",
        "Cost and tokens by model, route and configured label (app, tenant). Costs are estimates from list prices.",
        ("namespace", "route", "model", "label", "value"),
        [
            (
                "At a glance",
                [
                    number(
                        "Cost over the range",
                        "By currency; estimated from tokens and list prices.",
                        "short",
                        now(grown(COST, GEN_AI, "currency"), "{{currency}}"),
                    ),
                    number(
                        "Cost per hour",
                        "At the present rate.",
                        "short",
                        query(f"3600 * ({rate(COST, GEN_AI, 'currency')})", "{{currency}}"),
                    ),
                    number(
                        "Daily budget used",
                        "Cost of the last 24 hours by the budget (objective budget_per_day). No budget is set by default. Needs the recording rules.",
                        "percentunit",
                        now(f"max(sidewatch:cost:increase1d{{{NS}}}) / scalar({budget} > 0)"),
                        steps={0.8: "yellow", 1: "red"},
                        runbook="SidewatchBudgetBurn",
                        absent="no budget",
                    ),
                    number(
                        "Tokens per minute",
                        "Input and output tokens, as providers count them.",
                        "short",
                        query(f"60 * ({rate(TOKENS, also(GEN_AI, 'type', 'input|output'))})"),
                    ),
                    number(
                        "Cached share of input",
                        "Input tokens that the provider took from its prompt cache; they cost a fraction.",
                        "percentunit",
                        query(f"({rate(TOKENS, cached)}) / ({rate(TOKENS, taken)})"),
                    ),
                    number(
                        "Exchanges without a price",
                        "Exchanges with tokens and no known price, over the range: their cost is missing here.",
                        "short",
                        now(counted(grown("sidewatch_price_misses_total", NS))),
                        steps={1: "yellow"},
                        whole=True,
                        runbook="SidewatchPricesMissing",
                    ),
                ],
            ),
            (
                "By model",
                [
                    graph(
                        "Cost by model",
                        "Cost per hour, the models that cost most.",
                        "short",
                        query(
                            f"3600 * ({by_top(rate(COST, GEN_AI, f'{MODEL}, currency'), f'{MODEL}, currency', COST, GEN_AI)})",
                            "{{gen_ai_request_model}} {{currency}}",
                        ),
                        stack=True,
                        runbook="SidewatchBudgetBurn",
                    ),
                    graph(
                        "Tokens by model",
                        "Input and output tokens per minute, the models with most.",
                        "short",
                        query(
                            f"60 * ({by_top(rate(TOKENS, also(GEN_AI, 'type', 'input|output'), f'{MODEL}, type'), f'{MODEL}, type', TOKENS, GEN_AI)})",
                            "{{gen_ai_request_model}} {{type}}",
                        ),
                        stack=True,
                    ),
                    rows(
                        "Models",
                        "Cost over the range by model and route.",
                        "short",
                        f"topk(20, {grown(COST, GEN_AI, f'{MODEL}, route, currency')}) > 0",
                        {MODEL: "Model", "route": "Route", "currency": "Currency", "Value": "Cost"},
                        absent="No costs",
                    ),
                    graph(
                        "Cached share by model",
                        "Input tokens from the provider's prompt cache. A fall after a release: the prompt's beginning is no longer stable.",
                        "percentunit",
                        query(
                            by_top(
                                f"({rate(TOKENS, cached, MODEL)}) / ({rate(TOKENS, taken, MODEL)})",
                                MODEL,
                                TOKENS,
                                taken,
                            ),
                            "{{gen_ai_request_model}}",
                        ),
                        most=1,
                    ),
                    graph(
                        "Tokens of one exchange, p95",
                        "Large prompts cost, and fall out of context windows.",
                        "short",
                        query(
                            quantile(0.95, "gen_ai_client_token_usage", GEN_AI, "gen_ai_token_type"),
                            "{{gen_ai_token_type}}",
                        ),
                    ),
                    graph(
                        "Why completions end",
                        "Completions per minute by finish reason; length: cut off at the token limit.",
                        "short",
                        query(f"60 * ({_reasons()})", "{{finish_reason}}"),
                        stack=True,
                    ),
                ],
            ),
            (
                "By app",
                [
                    graph(
                        "Cost by app",
                        "Cost per hour by a configured label: choose it above. A loop shows as one line that grows alone.",
                        "short",
                        query(
                            f"3600 * ({by_top(rate('sidewatch_label_cost_total', APP, 'label, value, currency'), 'label, value, currency', 'sidewatch_label_cost_total', APP)})",
                            "{{label}} {{value}} {{currency}}",
                        ),
                        stack=True,
                        runbook="SidewatchBudgetBurn",
                    ),
                    graph(
                        "Tokens by app",
                        "Tokens per minute by a configured label.",
                        "short",
                        query(
                            f"60 * ({by_top(rate('sidewatch_label_tokens_total', APP, 'label, value'), 'label, value', 'sidewatch_label_tokens_total', APP)})",
                            "{{label}} {{value}}",
                        ),
                        stack=True,
                    ),
                    bars(
                        "Cost of an exchange by app",
                        "Mean cost of one exchange over the range.",
                        "short",
                        f"{grown('sidewatch_label_cost_total', APP, 'label, value')} / {grown('sidewatch_label_exchanges_total', APP, 'label, value')}",
                        "{{label}} {{value}}",
                    ),
                ],
            ),
        ],
    )


def _reasons() -> str:
    where = f'{NS},route=~"$route",model=~"$model"'
    return by_top(
        rate("sidewatch_finish_reasons_total", where, "finish_reason"),
        "finish_reason",
        "sidewatch_finish_reasons_total",
        where,
    )
