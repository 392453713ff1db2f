"""Every vendor's rule finds strings of its own form, in a sentence and in a setting, and marks the token itself."""

import json
import random
import re
import warnings
from importlib.resources import files

import pytest

from tests.bench.strings_of import string_of
from watchers.secrets.vendors import _REPLACED
from watchers.secrets.watcher import Secrets

RULES = json.loads(files("watchers.secrets").joinpath("vendors.json").read_text())["rules"]
EACH = 6


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return Secrets()


@pytest.mark.parametrize("rule", [r for r in RULES if r["id"] not in _REPLACED], ids=lambda rule: rule["id"])
def test_strings_of_a_rule_are_found(rule: dict, secrets: Secrets) -> None:
    rng = random.Random(rule["id"])
    found = [_found(rule, carrier, secrets, rng) for carrier in ("{}", "please rotate {} today") for _ in range(EACH)]
    assert sum(found) >= 0.75 * len(found)  # a random string may look like a placeholder


def _found(rule: dict, carrier: str, secrets: Secrets, rng: random.Random) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if "name" in rule:
            name, token = string_of(f"(?i){rule['name']}", rng).strip(), string_of(rule["body"], rng)
            text = carrier.format(f'{name}_key = "{token}"')
        else:
            pattern = re.sub(r"\(\?:\[\\x60.*$", "", rule["prefix"])
            token = string_of(pattern, rng).strip()
            text = carrier.format(token)
    start = text.index(token)
    return any(span.start < start + len(token) and start < span.end for span in secrets.spans(text))
