# ruff: noqa: E501 (a pattern is read whole)
"""Tokens that tell their vendor, by form or by the vendor's name before them.

`vendors.json` holds the public pattern facts of gitleaks (made by `watchers/training/secret_rules.py`); `_OWN` adds
vendors and forms that they lack. A rule's pattern is compiled when its keyword first occurs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

from watchers.secrets.likely import entropy, placeholder
from watchers.view import pattern

# Where a token may end: gitleaks' list is for source code; a sentence goes on with a point or a bracket.
_END: Final = r"(?:[^A-Za-z0-9_]|$)"
# Between the vendor's name and its token: signs of assignment, or the verbs of a sentence.
_ASSIGNED: Final = r"[ \t\w.'\"()-]{0,30}?[\s'\"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,|\bis\b|\bas\b|\bto\b|\bkey\b|\btoken\b|\bsecret\b)[\x60'\"\s=:]{0,5}"
# `_OWN` has them: the first's keyword is in half of all texts, the second's pattern is the prefix alone.
_REPLACED: Final = ("twilio-api-key", "aws-amazon-bedrock-api-key-short-lived")
_CLOUD: Final = (
    "aws-",
    "gcp-",
    "google",
    "alibaba",
    "azure",
    "digitalocean",
    "yandex",
    "cloudflare",
    "heroku",
    "ibm",
    "flyio",
    "hashicorp",
)
_GROUPED: Final = ("azure-ad-client-secret", "freemius-secret-key")  # the token is a group inside the pattern
_FILLING: Final = b"A" * 10
_NAMED_FLOOR: Final = 2.5
_PREFIX_FLOOR: Final = 3.0  # bits a character: random base-62 of twenty characters has about 4


@dataclass
class Rule:
    """`named`: the pattern needs the vendor's name; its token must then look random, since words may follow a name, too."""

    id: str
    source: str
    floor: float
    named: bool

    @property
    def filled(self) -> bool:
        """Whether a run of one letter is part of the form, which is elsewhere a sign of a placeholder."""
        return "A{22}" in self.source or _FILLING.decode() in self.source

    @cached_property
    def regex(self) -> Any:
        return pattern(self.source)

    @property
    def label(self) -> str:
        return "CLOUD_KEY" if self.id.startswith(_CLOUD) else "VENDOR_TOKEN"

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where the token itself stands."""
        for match in self.regex.finditer(data):
            start, end = match.span(1)
            value = data[start:end]
            if entropy(value) < self.floor or placeholder(value.replace(_FILLING, b"") if self.filled else value):
                continue
            if not self.named or (any(48 <= byte <= 57 for byte in value) and not value.isdigit()):
                yield start, end


class Vendors:
    """All rules behind one pass over the keywords."""

    def __init__(self) -> None:
        self._rules: dict[bytes, list[Rule]] = {}
        self._always: list[Rule] = []
        for row in [*json.loads(files("watchers.secrets").joinpath("vendors.json").read_text())["rules"], *_OWN]:
            if row["id"] in _REPLACED:
                continue
            rule = _rule(row)
            if not row["keywords"]:
                self._always.append(rule)
            for keyword in row["keywords"]:
                self._rules.setdefault(keyword.lower().encode(), []).append(rule)
        ordered = sorted(self._rules, key=len, reverse=True)
        self._any_always = pattern("|".join(f"(?:{rule.source})" for rule in self._always))
        self._keywords = pattern("|".join(_escaped(keyword) for keyword in ordered))

    def find(self, data: bytes, lower: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield start, end and label of each token."""
        always = self._always if self._any_always.search(data) else []
        for rule in [*always, *self._wanted(lower)]:
            for start, end in rule.find(data):
                yield start, end, rule.label

    def _wanted(self, lower: bytes) -> list[Rule]:
        """The rules with a keyword in the text: one pass, resumed one character on, for keywords that overlap."""
        seen: set[bytes] = set()
        at, match = 0, self._keywords.search(lower)
        while match:
            seen.add(match.group())
            at = match.start() + 1
            match = self._keywords.search(lower, at)
        for keyword in list(seen):  # a long keyword hides those that it begins with
            seen.update(other for other in self._rules if keyword.startswith(other))
        wanted = {id(rule): rule for keyword in sorted(seen) for rule in self._rules[keyword]}
        return list(wanted.values())


def _escaped(keyword: bytes) -> str:
    return "".join(chr(byte) if chr(byte).isalnum() or byte in b"_ " else f"\\{chr(byte)}" for byte in keyword)


def _rule(row: dict[str, Any]) -> Rule:
    floor = float(row.get("entropy") or 0)
    if "name" in row:
        # The body's own groups must not shift the token's: the first group is the token in every such rule.
        return Rule(row["id"], f"(?i){row['name']}{_ASSIGNED}{row['body']}{_END}", max(floor, _NAMED_FLOOR), True)
    source = row["prefix"]
    body = source.removeprefix("(?i)").removeprefix(r"\b")
    grouped = row.get("grouped") or row["id"] in _GROUPED or (body.startswith("(") and not body.startswith("(?"))
    says_where = "(?:$|[" in source[-40:] or source.endswith(
        ("|\\z)", "|$)")
    )  # the token ends, and looks one on itself
    end = "" if says_where else _END
    return Rule(row["id"], (source if grouped else f"({source})") + end, max(floor, _PREFIX_FLOOR), False)


def _named(name: str, keywords: str, vendor: str, body: str) -> dict[str, Any]:
    return {"id": name, "keywords": keywords.split(), "name": vendor, "body": body}


def _own(name: str, keywords: str, prefix: str, floor: float = 3.2, grouped: bool = False) -> dict[str, Any]:
    return {"id": name, "keywords": keywords.split(), "prefix": prefix, "entropy": floor, "grouped": grouped}


_OWN: Final = (
    _own("openai", "sk-", r"\b(sk-(?:proj-|svcacct-|admin-|None-|or-v1-|ant-|lf-)?[A-Za-z0-9_-]{20,220})", 3.5),
    _own("aws-secret", "aws_secret awssecret secretaccesskey secret_access_key aws",
         r"(?i:aws|secret_?-?access_?-?key)[\w .'\"-]{0,40}?(?:=>|=|:|\bis\b)\s{0,4}['\"\x60]?([A-Za-z0-9/+]{40})", 4.0, True),
    _own("aws-session", "iqojb3jpz2lux2vj fwogzxivyxdz", r"\b((?:IQoJb3JpZ2luX2Vj|FwoGZXIvYXdz)[A-Za-z0-9/+=]{60,1000})"),
    _own("aws-bedrock", "bedrock-api-key-", r"\b(bedrock-api-key-[A-Za-z0-9+/_-]{40,}={0,2})"),
    _own("google-oauth", "ya29.", r"\b(ya29\.[A-Za-z0-9_-]{20,500})"),
    _own("google-client-secret", "gocspx-", r"\b(GOCSPX-[A-Za-z0-9_-]{20,40})"),
    _own("google-api", "aiza", r"\b(AIza[A-Za-z0-9_-]{35})"),
    _own("google-auth-key", "aq.", r"\b(AQ\.Ab8[A-Za-z0-9_-]{40,100})", 3.5),
    _own("google-refresh", "1//0", r"\b(1//0[A-Za-z0-9_-]{40,300})", 3.5),
    _own("tencent", "akid", r"\b(AKID[A-Za-z0-9]{32})", 3.5),
    _own("yandex-key", "aqvn t1.", r"\b(AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]{20,400}\.[A-Za-z0-9_-]{86})", 3.5),
    _own("heroku-key", "hrku-", r"\b(HRKU-[A-Za-z0-9_-]{36,70})", 3.5),
    _own("azure-storage", "accountkey sharedaccesskey", r"(?i:AccountKey|SharedAccessKey) ?= ?([A-Za-z0-9+/]{43,88}={0,2})", 4.0, True),
    _own("azure-sas", "sig=", r"[?&;]sig=([A-Za-z0-9%+/]{30,120}(?:%3[dD]|=)?)", 4.0, True),
    _own("azure-key", "azure ocp-apim ai_key", r"(?i:azure|ocp-apim|subscription)[\w .'\"-]{0,40}?(?:=|:|\bis\b)\s{0,4}['\"]?([a-f0-9]{32})\b", 3.0, True),
    _own("azure-openai", "jqqj99", r"\b([A-Za-z0-9]{20,60}JQQJ99[A-Za-z0-9]{10,40})"),
    _own("github", "ghp_ gho_ ghu_ ghs_ ghr_", r"\b(gh[pousr]_[A-Za-z0-9]{30,255})"),
    _own("github-pat", "github_pat_", r"\b(github_pat_[A-Za-z0-9_]{36,255})"),
    _own("gitlab", "glpat- gldt- glrt- glsoat- gloas-", r"\b(gl(?:pat|dt|rt|soat|oas)-[A-Za-z0-9_-]{20,300}(?:\.[a-z0-9]{2}\.[a-z0-9]{7,9})?)"),
    _own("huggingface", "hf_ api_org_", r"\b((?:hf|api_org)_[A-Za-z0-9]{30,50})"),
    _own("groq", "gsk_", r"\b(gsk_[A-Za-z0-9]{40,64})"),
    _own("xai", "xai-", r"\b(xai-[A-Za-z0-9]{60,100})"),
    _own("replicate", "r8_", r"\b(r8_[A-Za-z0-9]{30,48})"),
    _own("together", "tgp_v1_", r"\b(tgp_v1_[A-Za-z0-9_-]{40,64})", 3.5),
    _own("cerebras", "csk-", r"\b(csk-[a-z0-9]{40,64})", 3.5),
    _own("fireworks", "fw_", r"\b(fw_[A-Za-z0-9]{20,40})", 3.8),
    _own("voyage", "pa-", r"\b(pa-[A-Za-z0-9_-]{43})", 4.2),
    _own("jina", "jina_", r"\b(jina_[A-Za-z0-9_-]{50,80})", 3.5),
    _own("elevenlabs", "sk_", r"\b(sk_[a-f0-9]{48})"),
    _own("anyscale", "esecret_", r"\b(esecret_[A-Za-z0-9]{24,40})", 3.5),
    _own("cursor", "key_", r"\b(key_[a-f0-9]{64})"),
    _own("firecrawl", "fc-", r"\b(fc-[a-f0-9]{32})"),
    _own("wandb", "wandb_v1_", r"\b(wandb_v1_[A-Za-z0-9_-]{60,100})", 3.5),
    _own("vercel", "vck_ vcp_ vci_ vca_ vcr_", r"\b(vc[kpiar]_[A-Za-z0-9]{24,80})", 3.8),
    _own("perplexity", "pplx-", r"\b(pplx-[A-Za-z0-9]{32,64})"),
    _own("langsmith", "lsv2_", r"\b(lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10})"),
    _own("pinecone", "pcsk_", r"\b(pcsk_[A-Za-z0-9_]{40,90})"),
    _own("tavily", "tvly-", r"\b(tvly-(?:dev-|prod-)?[A-Za-z0-9]{28,40})"),
    _own("nvidia", "nvapi-", r"\b(nvapi-[A-Za-z0-9_-]{50,80})"),
    _own("stripe", "sk_live rk_live sk_test rk_test whsec_ sk_prod rk_prod", r"\b((?:(?:sk|rk)_(?:live|test|prod)|whsec)_[A-Za-z0-9]{10,120})"),
    _own("slack", "xox xapp-", r"\b((?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{8,250})"),
    _own("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{30,80})", 3.2, True),
    _own("discord-webhook", "discord.com/api discordapp.com/api", r"discord(?:app)?\.com/api/webhooks/(\d{15,22}/[A-Za-z0-9_-]{50,90})", 3.2, True),
    _own("discord-bot", "", r"\b([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})", 4.2),
    _own("telegram-bot", ":aa", r"\b(\d{8,10}:AA[A-Za-z0-9_-]{32,36})"),
    _own("sendgrid", "sg.", r"\b(SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64})"),
    _own("mailgun", "key-", r"\b(key-[a-f0-9]{32})"),
    _own("mailchimp", "", r"\b([a-f0-9]{32}-us\d{1,2})"),
    _own("twilio", "", r"\b(SK[a-fA-F0-9]{32})"),
    _own("twilio-auth", "twilio auth_token authtoken", r"(?i:twilio|auth_?token)[\w .'\"-]{0,30}?(?:=|:|\bis\b)\s{0,4}['\"]?([a-f0-9]{32})\b", 3.0, True),
    _own("resend", "re_", r"\b(re_[A-Za-z0-9]{6,12}_[A-Za-z0-9]{20,32})", 3.8),
    _own("docker", "dckr_", r"\b(dckr_[po]at_[A-Za-z0-9_-]{27,40})"),
    _own("crates", "cio", r"\b(cio[A-Za-z0-9]{32})", 3.8),
    _own("nuget", "oy2", r"\b(oy2[a-z0-9]{43})", 3.8),
    _own("npm", "npm_", r"\b(npm_[A-Za-z0-9]{36})"),
    _own("pypi", "pypi-", r"\b(pypi-[A-Za-z0-9_-]{50,1000})"),
    _own("databricks", "dapi", r"\b(dapi[a-f0-9]{32}(?:-\d)?)"),
    _own("digitalocean-any", "dop_v1_ doo_v1_ dor_v1_", r"\b(do[opr]_v1_[a-f0-9]{64})"),
    _own("supabase", "sbp_ sb_secret_", r"\b(sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,60})"),
    _own("shopify", "shpat_ shpca_ shppa_ shpss_", r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})"),
    _own("square", "sq0atp- sq0csp- eaaa", r"\b(sq0(?:atp|csp)-[A-Za-z0-9_-]{22,60}|EAAA[A-Za-z0-9_-]{56,64})"),
    _own("facebook", "eaa", r"\b(EAA[A-Za-z0-9]{80,300})"),
    _own("facebook-app", "| %", r"\b(\d{15,16}(?:\||%(?:7[cC])?)[0-9A-Za-z_-]{27,40})"),
    _own("nuget-password", "cleartextpassword", r"(?i:cleartextpassword)['\"]\s{1,20}(?i:value)\s{0,4}=\s{0,4}['\"]([^'\"\s]{6,64})['\"]", 2.5, True),
    _named("linkedin-secret", "linkedin linked_in linked-in", "(?:linked[_-]?in)", "([a-z0-9]{16})"),
    _named("dropbox-token", "dropbox", "(?:dropbox)", "([a-z0-9]{15})"),
    _named("confluent-token", "confluent", "(?:confluent)", "([a-z0-9]{16})"),
    _own("vault-old", "s.", r"\b(s\.[a-zA-Z0-9]{24})"),
    _own("vault", "hvs. hvb.", r"\b(hv[sb]\.[A-Za-z0-9_-]{24,300})", 3.5),
    _own("notion", "ntn_ secret_", r"\b(ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})", 3.5),
    _own("linear", "lin_api_", r"\b(lin_api_[A-Za-z0-9]{32,64})"),
    _own("bitbucket", "atbb", r"\b(ATBB[A-Za-z0-9]{32})", 3.8),
    _own("netlify", "nfp_ nfc_ nfo_", r"\b(nf[pco]_[A-Za-z0-9_-]{36,40})", 3.8),
    _own("neon", "napi_", r"\b(napi_[a-z0-9]{60,70})", 3.5),
    _own("tailscale", "tskey-", r"\b(tskey-[a-z]{3,8}-[A-Za-z0-9]{6,24}-[A-Za-z0-9]{20,40})", 3.5),
    _own("new-relic", "nrak- nriq- nral-", r"\b(NR(?:AK|IQ|AL)-[A-Z0-9]{24,32})", 3.2),
    _own("posthog", "phx_", r"\b(phx_[A-Za-z0-9]{40,60})", 3.5),
    _own("sentry", "sntrys_ sntryu_", r"\b(sntry[su]_[A-Za-z0-9+/=_-]{40,400})", 3.2),
    _own("launchdarkly", "sdk-", r"\b(sdk-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})"),
    _own("atlassian", "atatt3", r"\b(ATATT3[A-Za-z0-9_=-]{60,250})"),
    _own("airtable", "", r"\b(pat[A-Za-z0-9]{14}\.[a-f0-9]{64})"),
    _own("figma", "figd_", r"\b(figd_[A-Za-z0-9_-]{36,60})"),
    _own("doppler", "dp.", r"\b(dp\.(?:pt|st|ct|scim|audit)\.[A-Za-z0-9_-]{30,80})"),
    _own("mapbox-secret", "sk.ey", r"\b(sk\.ey[A-Za-z0-9_-]{40,120}\.[A-Za-z0-9_-]{20,24})"),
    _own("fal-or-uuid-pair", "", r"\b([a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}:[a-f0-9]{32})"),
    _own("sourcegraph", "sgp_", r"\b(sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40})"),
)  # fmt: skip
