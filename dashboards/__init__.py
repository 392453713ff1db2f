"""Grafana dashboards, recording rules, alerts and runbooks as one tested package; `make dashboards` writes the files."""
