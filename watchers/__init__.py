"""Judgement about the texts of LLM traffic: classifiers, patterns, leakage and drift; knows no HTTP."""
