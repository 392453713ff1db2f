"""Credentials: the secret itself is found, placeholders and look-alikes are not."""

import base64
import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchers.registry import Order
from watchers.secrets.likely import entropy, placeholder
from watchers.secrets.vendors import Vendors
from watchers.secrets.watcher import Secrets, SecretsOptions, make
from watchers.watcher import Direction, Origin, Record, Role, WatcherError

SECRETS = Secrets()
LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def token(length: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    """A made-up token, the same at every run: a committed one would look like a leak to other scanners."""
    source = random.Random(seed * 1000 + length)
    return "".join(source.choice(alphabet) for _ in range(length))


def found(text: str, secrets: Secrets = SECRETS) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.label) for span in secrets.spans(text)]


VENDOR = [
    "sk-" + token(48),
    "sk-proj-" + token(100),
    "sk-ant-api03-" + token(93) + "AA",
    "ghp_" + token(36),
    "github_pat_" + token(22) + "_" + token(59),
    "glpat-" + token(20),
    "hf_" + token(34),
    "gsk_" + token(52),
    "xoxb-" + token(12, "123456789") + "-" + token(12, "123456789", 8) + "-" + token(24),
    "sk_live_" + token(24),
    "whsec_" + token(32),
    "SG." + token(22) + "." + token(43),
    "npm_" + token(36),
    "dapi" + token(32, HEX),
    "shpat_" + token(32, HEX),
    "dp.pt." + token(43),
    "lin_api_" + token(40),
    "SK" + token(32, HEX),
    token(9, "123456789") + ":AA" + token(33),
    "PMAK-" + token(24, HEX) + "-" + token(34, HEX),
    "rubygems_" + token(48, HEX),
]
CLOUD = [
    "AKIA" + token(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "AIza" + token(35),
    "dop_v1_" + token(64, HEX),
    "GOCSPX-" + token(28),
    "ya29." + token(80),
]
CARRIERS = ["{}", "my key is {}.", "KEY={}\n", 'export K="{}"', "({})", "use {} and tell nobody", "`{}`,"]


@pytest.mark.parametrize("secret", VENDOR)
def test_vendor_tokens_are_found_in_any_sentence(secret: str) -> None:
    for carrier in CARRIERS:
        assert found(carrier.format(secret)) == [(secret, "VENDOR_TOKEN")]


@pytest.mark.parametrize("secret", CLOUD)
def test_cloud_keys_are_found_in_any_sentence(secret: str) -> None:
    for carrier in CARRIERS:
        assert found(carrier.format(secret)) == [(secret, "CLOUD_KEY")]


def jwt(header: object) -> str:
    parts = [json.dumps(header).encode(), b'{"sub":"42","name":"ann"}']
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "." + token(43)


UUID = f"{token(8, HEX)}-{token(4, HEX)}-4{token(3, HEX)}-8{token(3, HEX)}-{token(12, HEX)}"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join(token(64, seed=n) for n in range(5))
    + "\n-----END RSA PRIVATE KEY-----"
)
OTHERS = [
    (f"aws_secret_access_key = {token(40)}", token(40), "CLOUD_KEY"),
    (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={token(86)}==;", token(86) + "==", "CLOUD_KEY"),
    (f"datadog api key: {token(40, HEX)}", token(40, HEX), "VENDOR_TOKEN"),
    (f"hubspot key: {UUID.upper()}", UUID.upper(), "VENDOR_TOKEN"),
    (f"the heroku token is {UUID}", UUID, "CLOUD_KEY"),
    (f"see {jwt({'alg': 'HS256', 'typ': 'JWT'})} there", jwt({"alg": "HS256", "typ": "JWT"}), "JWT"),
    (f"key:\n{PEM}\nthanks", PEM, "PRIVATE_KEY"),
    (PEM[:200], PEM[:200], "PRIVATE_KEY"),
    (PEM.replace("\n", "\\n"), PEM.replace("\n", "\\n"), "PRIVATE_KEY"),
    ("postgres://app:s3cr3tPw9@db.internal:5432/x", "s3cr3tPw9", "CONNECTION_STRING"),
    ("https://bob:hunter2@example.com/", "hunter2", "CONNECTION_STRING"),
    ("Server=x;User Id=sa;Password=Zx9!kk20;", "Zx9!kk20", "CONNECTION_STRING"),
    (f"Authorization: Bearer {token(40)}", token(40), "AUTHORIZATION"),
    (f"Authorization: Basic {base64.b64encode(b'ann:pa55word9').decode()}", base64.b64encode(b"ann:pa55word9").decode(), "AUTHORIZATION"),
    ("password: Tr0ub4dor&3", "Tr0ub4dor&3", "PASSWORD"),
    ("my wifi password is Sunshine2019!", "Sunshine2019!", "PASSWORD"),
    ("Das Passwort ist Geh3imnis7.", "Geh3imnis7", "PASSWORD"),
    ("la contraseña es Gat0Negro88", "Gat0Negro88", "PASSWORD"),
    ('{"password": "correct horse 9 battery"}', "correct horse 9 battery", "PASSWORD"),
    ("curl -u ann:s3cr3t99 https://example.com", "s3cr3t99", "PASSWORD"),
    ("pаsswоrd".replace("а", "a").replace("о", "o") + ": ｈｕｎｔｅｒ２２", "ｈｕｎｔｅｒ２２", "PASSWORD"),
    ("the pin is 4821", "4821", "PIN"),
    ("CVV: 123", "123", "PIN"),
    (f"api_key = '{token(32, HEX)}'", token(32, HEX), "GENERIC_SECRET"),
    (f"client secret is {token(30)}", token(30), "GENERIC_SECRET"),
    (
        "seed phrase: witch collapse practice feed shame open despair creek road again ice least",
        "witch collapse practice feed shame open despair creek road again ice least",
        "SEED_PHRASE",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "label"), OTHERS)
def test_finds(text: str, value: str, label: str) -> None:
    assert found(text) == [(value, label)]


@pytest.mark.parametrize(
    "text",
    [
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-1234567890abcdef1234567890abcdef",
        "api_key = <your key>",
        "AKIAIOSFODNN7EXAMPLE",
        "token: YOUR_API_TOKEN_HERE_123",
        "postgres://user:password@localhost/db",
        "postgres://${USER}:${PASSWORD}@host/db",
        "password: required",
        "the password is incorrect",
        "password = os.getenv('DB_PASSWORD')",
        "password=${DB_PASSWORD}",
        'password = "changeme"',
        "commit 9c8f1d2e3b4a5968778695a4b3c2d1e0f9a8b7c6",
        "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "LinkedIn: representative of the company",
        "key: value-of-something-else",
        "the key is under the mat and the token economy is growing",
        "id 123e4567-e89b-12d3-a456-426614174000",
        f"{base64.urlsafe_b64encode(b'not a header at all').decode()}.{token(30)}.{token(30)}",
        "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "https://example.com/a/b?c=d@e",
        "pin it to the board, code 12 ways, the primary key is user_id",
        "internationalization-and-localization-of-components",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_invisible_characters_hide_no_secret_and_offsets_stay_true() -> None:
    secret = "ghp_" + token(36)
    hidden = secret[:10] + "\u200b" + secret[10:]
    assert found(f"😀 é {hidden} ok") == [(hidden, "VENDOR_TOKEN")]


def test_every_label_has_a_score_and_a_find_flags() -> None:
    record = Record("x", 0, "password: Tr0ub4dor&3", Role.USER, Origin.USER, Direction.PROMPT)
    verdicts = SECRETS.watch([record])[0].verdicts
    assert [verdict.label for verdict in verdicts] == list(SECRETS.labels)
    assert [verdict.label for verdict in verdicts if verdict.flagged] == ["PASSWORD"]


def test_own_patterns_allowed_values_and_labels_left_out() -> None:
    options = {"patterns": [r"\bACME-([0-9]{6})\b"], "allow": ["hunter22"], "without": ["PIN"]}
    secrets = make(Order("secrets", options=options))
    assert found("ACME-771203 password: hunter22, pin is 4821", secrets) == [("771203", "CUSTOM")]


@pytest.mark.parametrize(
    ("options", "expected"), [({"nosuch": 1}, "its options are"), ({"patterns": ["("]}, "RE2 syntax")]
)
def test_wrong_options_say_what_to_change(options: dict[str, object], expected: str) -> None:
    with pytest.raises(WatcherError) as raised:
        make(Order("secrets", options=options))
    assert expected in str(raised.value)


def test_every_vendor_rule_compiles_and_marks_the_token() -> None:
    rules = {id(rule): rule for rules in Vendors()._rules.values() for rule in rules}.values()
    assert len(rules) > 200
    assert all(rule.regex.groups >= 1 for rule in rules)


def test_entropy_and_placeholders() -> None:
    assert entropy(b"aaaa") == 0.0
    assert entropy(b"abcd") == 2.0
    assert placeholder(b"xxxxxxxx")
    assert not placeholder(b"kq93jd82hd73")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*VENDOR, *(text for text, _, _ in OTHERS), "\u200b", "\ud800", "é", "://", "@", " "]),
        max_size=5,
    ),
    st.text(),
)
def test_any_text_gives_spans_inside_it(pieces: list[str], rest: str) -> None:
    text = "".join(pieces) + rest
    for span in SECRETS.spans(text):
        assert 0 <= span.start < span.end <= len(text)


def test_a_long_text_is_read_up_to_the_budget() -> None:
    secrets = Secrets(options=SecretsOptions(max_chars=100))
    record = Record("x", 0, "a " * 60 + "password: Tr0ub4dor&3", Role.USER, Origin.USER, Direction.PROMPT)
    assert secrets.watch([record])[0].skipped == "budget"
