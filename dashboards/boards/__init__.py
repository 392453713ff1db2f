"""The Grafana dashboards: one module each, built from `panels` and put together by `board`."""
