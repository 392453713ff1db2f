"""Bytes, sockets and clocks: the transparent proxy. It parses no body, runs no model and waits for no observer."""
