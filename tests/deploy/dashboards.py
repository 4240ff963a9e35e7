"""The dashboards of deploy/grafana, and the queries in them."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
# What Grafana puts in for "All", and for a rate's window at a scrape interval of one second.
ALL = {"$sweep": ".+", "$run": ".+", "$worker": ".+", "$__rate_interval": "1m"}
VARIABLE_QUERY = re.compile(r"label_values\((.+), ([a-z]+)\)")


def load():
    """{file's name: dashboard}."""
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panel_queries(dashboard):
    """[(panel's title, query as it stands)]."""
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def variable_queries(dashboard):
    """[(variable's name, selector that its values come from, label)]."""
    return [(variable["name"], *VARIABLE_QUERY.fullmatch(variable["query"]).groups())
            for variable in dashboard["templating"]["list"]]  # fmt: skip


def with_all(query):
    """The query that Grafana sends where every variable stands at "All"."""
    for name, value in ALL.items():
        query = query.replace(name, value)
    return query
