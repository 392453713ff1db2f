"""Make `watchers/secrets/vendors.json` from the public pattern facts of gitleaks (MIT).

usage: python -m watchers.training.secret_rules secret_patterns_gitleaks.jsonl.gz > watchers/secrets/vendors.json

Two forms come out. A `prefix` rule is a whole pattern: its form alone tells the vendor. A `named` rule is the vendor's
name and the form of the token: it counts after the name and a sign of assignment, which `watchers.secrets.vendors`
adds, because chats say "my key is ..." where source code says "=". Rules for what is no secret (client ids, public
keys), and those that the watcher has in its own form (JWT, private keys, assignments, curl) are left out.
"""

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

SOURCE = "gitleaks config/gitleaks.toml @ b58d3f102cf3"
LICENCE = "MIT, Copyright (c) 2019 Zachary Rice"
_NAMED = re.compile(
    r"^(?:\(\?i\)\[\\w\.-\]\{0,50\}\?|\[\\w\.-\]\{0,50\}\?\(\?i:\[\\w\.-\]\{0,50\}\?)(?P<name>.*?)"
    r"\(\?:\[ \\t\\w\.-\]\{0,20\}\)\[\\s'\"\]\{0,3\}\)?\(\?:=\|>.*?\\x60'\"\\s=\]\{0,5\}(?P<body>.*?)"
    r"\(\?:\[\\x60'\"\\s;\]\|\\\\\[nr\]\|\$\)$"
)
_END = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
# What is public by design, or no credential on its own.
NO_SECRETS = frozenset((
    "adobe-client-id", "asana-client-id", "bitbucket-client-id", "discord-client-id", "linkedin-client-id",
    "looker-client-id", "messagebird-client-id", "plaid-client-id", "sendbird-access-id", "sumologic-access-id",
    "flutterwave-public-key", "lob-pub-api-key", "mailgun-pub-key", "mapbox-api-token",
))  # fmt: skip
# What the watcher has in its own form.
_OWN_FORM = frozenset((
    "curl-auth-header", "curl-auth-user", "generic-api-key", "jwt", "jwt-base64", "private-key",
    "kubernetes-secret-yaml", "hashicorp-tf-password", "nuget-config-password", "dropbox-api-token",
    "linkedin-client-secret", "confluent-access-token", "sourcegraph-access-token", "facebook-access-token",
    "vault-service-token", "stripe-access-token",
))  # fmt: skip


def converted(rule: dict[str, Any]) -> dict[str, Any] | None:
    """Return the compact rule, None where it is left out."""
    if rule["id"] in NO_SECRETS | _OWN_FORM:
        return None
    common = {"id": rule["id"], "keywords": rule["keywords"], "entropy": rule.get("entropy", 0)}
    named = _NAMED.match(rule["regex"])
    if named:
        insensitive = rule["regex"].startswith("(?i)")
        body = named["body"] if insensitive else f"(?-i:{named['body']})"
        return {**common, "name": named["name"], "body": body}
    return {**common, "prefix": rule["regex"].removesuffix(_END)}


def main() -> None:
    with gzip.open(Path(sys.argv[1]), "rt", encoding="utf-8") as lines:
        rules = [converted(json.loads(line)["rule"]) for line in lines]
    kept = [rule for rule in rules if rule]
    rows = ",\n".join(json.dumps(rule, separators=(",", ":")) for rule in kept)
    sys.stdout.write(f'{{"source": "{SOURCE}", "licence": "{LICENCE}", "rules": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
