"""Sidewatch: a transparent proxy and an observer in front of any LLM API."""

__version__ = "0.1.0"
