# ruff: noqa: E501 (tables)
"""Keys in the formats that vendors publish, written here independently of the rules; and what only looks like a key.

A form is text with slots: `{w124}` is 124 characters of the alphabet `w`. Tokens are made, since a committed one would look
like a leak to other scanners.
"""

import random
import re
import string
import uuid

import pytest

from watchers.secrets.watcher import Secrets

ALPHABETS = {
    "a": string.ascii_letters + string.digits, "w": string.ascii_letters + string.digits + "-_", "b": string.ascii_letters + string.digits + "+/",
    "h": "0123456789abcdef", "l": string.ascii_lowercase + string.digits, "u": string.ascii_uppercase + string.digits,
    "d": "123456789", "t": string.ascii_uppercase + "234567",
}  # fmt: skip
LLM = """
sk-proj-{w74}T3BlbkFJ{w74}|sk-{a20}T3BlbkFJ{a20}|sk-svcacct-{w150}|sk-admin-{w58}T3BlbkFJ{w58}|sk-ant-api03-{w93}AA|sk-ant-oat01-{w93}AA
sk-ant-admin01-{w93}AA|AIza{w35}|AQ.Ab8RN6{w44}|hf_{a34}|gsk_{a52}|xai-{a80}|sk-or-v1-{h64}|sk-{h32}|tgp_v1_{w43}|fw_{a22}|csk-{l48}
pplx-{a48}|r8_{a37}|nvapi-{w64}|sk-lf-{h8}-{h4}-{h4}-{h4}-{h12}|lsv2_pt_{h32}_{h10}|sk_{h48}|pa-{w43}|jina_{h32}{a28}|wandb_v1_{w77}
pcsk_{a6}_{a63}|tvly-dev-{a32}|{a52}JQQJ99B{a24}|ABSK{b128}==|bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{b300}|vck_{a56}|key_{h64}
esecret_{l26}|fc-{h32}|MISTRAL_API_KEY={a32}|COHERE_API_KEY={a40}|TOGETHER_API_KEY={h64}|AZURE_OPENAI_API_KEY={h32}|WANDB_API_KEY={h40}
"""
CLOUD_AND_CODE = """
AKIA{t16}|ASIA{t16}|aws_secret_access_key = {b40}|"SecretAccessKey": "{b40}"|AccountName=a;AccountKey={b86}==|SharedAccessKey={b43}=
client_secret={a3}8Q~{a34}|GOCSPX-{a28}|ya29.a0{w150}|1//0g{w60}|LTAI{a20}|AKID{a32}|AQVN{w36}|t1.{w60}.{w86}|dop_v1_{h64}|HRKU-AA{w58}
CLOUDFLARE_API_TOKEN={w40}|HCLOUD_TOKEN={a64}|SCW_SECRET_KEY={h8}-{h4}-{h4}-{h4}-{h12}|nfp_{a36}|hvs.{w95}|{a14}.atlasv1.{w67}|pul-{h40}
dapi{h32}|ghp_{a36}|gho_{a36}|ghs_{a36}|github_pat_{a22}_{a59}|glpat-{w20}|glpat-{w27}.01.{l9}|ATBB{a32}|ATATT3xFfGF0{w170}={u8}
npm_{a36}|pypi-AgEIcHlwaS5vcmc{w150}|rubygems_{h48}|dckr_pat_{w27}|dckr_oat_{w32}|cio{a32}|oy2{l43}
"""
SERVICES = """
xoxb-{d12}-{d13}-{a24}|xoxp-{d12}-{d12}-{d13}-{h32}|xapp-1-A{u10}-{d13}-{h64}|https://hooks.slack.com/services/T{u8}/B{u10}/{a24}
https://discord.com/api/webhooks/{d18}/{w68}|sk_live_{a24}|sk_live_51{a97}|rk_live_{a40}|whsec_{a32}|SK{h32}|TWILIO_AUTH_TOKEN={h32}
SG.{w22}.{w43}|key-{h32}|{h32}-us12|re_{a8}_{a24}|xkeysib-{h64}-{a16}|sntryu_{h64}|NRAK-{u27}|DD_API_KEY={h32}|glsa_{a32}_{h8}
phx_{a43}|sbp_{h40}|sb_secret_{w31}|pscale_tkn_{w43}|napi_{l64}|ntn_{d11}{a35}|lin_api_{a40}|figd_{w40}|pat{a14}.{h64}|shpat_{h32}
{d10}:AA{w33}|PMAK-{h24}-{h34}|dp.pt.{a43}|tskey-auth-{a17}-{a32}|sdk-{h8}-{h4}-{h4}-{h4}-{h12}
postgres://app:{a14}@db.acme.io:5432/prod|mongodb+srv://admin:{a12}@cluster0.ab1cd.mongodb.net/x|redis://:{a20}@cache.acme.io:6379/0
amqps://u:{a12}@rabbit.acme.io|Server=db;Database=x;User Id=sa;Password={a8}#4{a4};|Authorization: Bearer {w40}
"""
FORMS = [
    form for table in (LLM, CLOUD_AND_CODE, SERVICES) for line in table.split("\n") for form in line.split("|") if form
]
CARRIERS = ("{}", "Here is the error, key {} was rejected (401).", "my key: {}", 'export TOKEN="{}"', "{},")
EACH = 20
SECRETS = Secrets()


def made(form: str, source: random.Random) -> str:
    slots = re.compile(r"\{([a-z])(\d+)\}")
    return slots.sub(lambda slot: "".join(source.choices(ALPHABETS[slot[1]], k=int(slot[2]))), form)


@pytest.mark.parametrize("form", FORMS)
def test_keys_of_the_published_formats_are_found_to_their_end(form: str) -> None:
    source = random.Random(form)
    found = 0
    for number in range(EACH):
        key = made(form, source)
        text = CARRIERS[number % len(CARRIERS)].format(key)
        end = text.index(key) + len(key.rstrip('=";')) - 1
        tail = re.search(r"@[\w.]+(?::\d+)?/?\w*$", key)  # the host behind a password
        end -= len(tail.group()) if tail else 0
        found += any(span.start <= end - 3 and end <= span.end for span in SECRETS.spans(text))
    assert found >= EACH - 1  # a random string may look like a placeholder


PLACEHOLDERS = """
YOUR_API_KEY|xxxx|${TOKEN}|sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|<YOUR_KEY>|sk-your-api-key-here|sk-...|AKIAIOSFODNN7EXAMPLE
wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY|{{ secrets.API_KEY }}|$OPENAI_API_KEY|process.env.OPENAI_API_KEY|os.environ["KEY"]|%API_KEY%
REPLACE_ME|changeme|sk_test_XXXXXXXXXXXXXXXXXXXXXXXX|ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|insert-your-token-here|********|<redacted>
[REDACTED]|0000000000000000000000000000000000000000|sk-1234567890abcdef1234567890abcdef|1234567890abcdef|abc123|abcdefghijklmnopqrstuvwxyz
sk-ant-api03-...|hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|AIzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX|glpat-xxxxxxxxxxxxxxxxxxxx|xoxb-your-token
https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX|postgres://user:password@localhost:5432/db
mongodb://<username>:<password>@host/db|redis://:${REDIS_PASSWORD}@cache:6379|{api_key}|none|config.api_key|settings.SECRET_KEY|eyJ...
arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf|{{ .Values.apiKey }}|!Ref ApiKey|${{ secrets.GITHUB_TOKEN }}
op://vault/item/field|deadbeefdeadbeefdeadbeefdeadbeef|user:1932:profile:v1|orders/2026/01/430.parquet|module.config.token_v2
"""
LOOKALIKES = [text for line in PLACEHOLDERS.split("\n") for text in line.split("|") if text]


@pytest.mark.parametrize("value", LOOKALIKES)
@pytest.mark.parametrize(
    "setting", ['api_key = "{}"', "OPENAI_API_KEY={}", "token: {}", "cache key: {}", "use {} in the docs"]
)
def test_placeholders_and_references_are_left_alone(value: str, setting: str) -> None:
    assert SECRETS.spans(setting.format(value)) == []


@pytest.mark.parametrize(
    "value",
    ["secretRef:my-app", "vault:secret/data/app#key", "projects/p/secrets/s/versions/1", "ENC[AES256_GCM,data:x9]"],
)
def test_where_a_password_is_kept_is_no_password(value: str) -> None:
    assert SECRETS.spans(f"password: {value}") == []


def test_a_named_key_inside_a_named_key_is_found_alone() -> None:
    text = "my key: MISTRAL_API_KEY=84e2sDfvqcuGWkVwogv95UfUGHcYLF6w"
    assert [text[span.start : span.end] for span in SECRETS.spans(text)] == ["84e2sDfvqcuGWkVwogv95UfUGHcYLF6w"]


def test_identifiers_hashes_and_logs_are_left_alone() -> None:
    source = random.Random(9)
    for _ in range(100):
        plain, digest = uuid.UUID(bytes=source.randbytes(16)), source.randbytes(32).hex()
        texts = (
            f"user {plain} opened ticket",
            f'{{"request_id": "{plain}", "trace_id": "{digest[:32]}", "span_id": "{digest[:16]}"}}',
            f"commit {digest[:40]}\nMerge: {digest[:7]} {digest[7:14]}",
            f"image: nginx@sha256:{digest}",
            f'Message-ID: ticket {digest[:24]} objectId("{digest[:24]}") etag W/"{digest[:32]}"',
            f"INFO [http-nio-8080-exec-3] c.a.s.OrderService - order {source.randrange(10**9)} traceId={digest[:32]}",
        )
        assert [text for text in texts if SECRETS.spans(text)] == []
