"""The webhook over real TLS: reviews answered, certificates swapped under it, nothing ever refused."""

import asyncio
import base64
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidecar.injector.certificate import Certificate
from sidecar.injector.server import Injector
from sidecar.injector.template import TemplateError, load_template
from tests.injector.test_patch import NATIVE

POD = {"metadata": {"labels": {"sidewatch.dev/inject": "true"}}, "spec": {"containers": [{"name": "app"}]}}


def write_certificate(directory: Path, days: int) -> datetime.datetime:
    """Write a self-signed pair for 127.0.0.1 that ends in `days`; return the end."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "injector")])
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    end = now + datetime.timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return end


@pytest.fixture
def template_file(tmp_path: Path) -> Path:
    file = tmp_path / "template.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(NATIVE)))
    return file


@pytest.fixture
async def webhook(tmp_path: Path, template_file: Path) -> AsyncIterator[tuple[Injector, str, Path]]:
    write_certificate(tmp_path, 30)
    certificate = Certificate(tmp_path)
    injector = Injector(template_file, certificate)
    runner = web.AppRunner(injector.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context).start()
    yield injector, f"https://localhost:{runner.addresses[0][1]}", tmp_path
    await runner.cleanup()


async def post(base: str, directory: Path, body: bytes) -> tuple[int, Any]:
    trust = ssl.create_default_context(cafile=str(directory / "tls.crt"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        async with session.post(f"{base}/mutate", data=body) as response:
            return response.status, await response.json()


def review(pod: object, kind: str = "Pod", namespace: str = "shop") -> bytes:
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": kind},
        "namespace": namespace,
        "object": pod,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


async def test_a_review_is_answered_with_a_patch(webhook: tuple[Injector, str, Path]) -> None:
    _, base, directory = webhook
    status, answer = await post(base, directory, review(POD))
    assert status == 200
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert (answer["response"]["uid"], answer["response"]["allowed"]) == ("u-1", True)
    assert answer["response"]["patchType"] == "JSONPatch"
    paths = [one["path"] for one in json.loads(base64.b64decode(answer["response"]["patch"]))]
    assert "/spec/initContainers" in paths


@pytest.mark.parametrize(
    "pod",
    [None, [], {}, {"spec": None}, {"metadata": POD["metadata"], "spec": {"containers": "none"}}, {"metadata": 3}],
)
async def test_a_strange_pod_is_allowed(webhook: tuple[Injector, str, Path], pod: object) -> None:
    _, base, directory = webhook
    status, answer = await post(base, directory, review(pod))
    assert status == 200
    assert answer["response"]["allowed"] is True
    assert "patch" not in answer["response"]


async def test_an_obstacle_reaches_the_user_as_a_warning(webhook: tuple[Injector, str, Path]) -> None:
    _, base, directory = webhook
    _, answer = await post(base, directory, review(POD, namespace="kube-system"))
    assert answer["response"]["warnings"] == ["sidewatch was not injected: namespace kube-system is excluded"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b'{"apiVersion": "admission.k8s.io/v1"}', 400),
        (review(POD).replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"), 400),
        (b" " * (8 * 1024 * 1024 + 1), 413),
    ],
    ids=["empty", "cut", "list", "null", "deep", "binary", "no request", "v1beta1", "huge"],
)
async def test_what_is_no_review_is_refused_in_no_time_and_the_next_one_is_answered(
    webhook: tuple[Injector, str, Path], body: bytes, status: int
) -> None:
    _, base, directory = webhook
    trust = ssl.create_default_context(cafile=str(directory / "tls.crt"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        async with session.post(f"{base}/mutate", data=body) as response:
            assert response.status == status
        # Whatever the header says of it: what counts is what it is.
        async with session.post(f"{base}/mutate", data=review(POD), headers={"Content-Type": "text/plain"}) as response:
            assert "patch" in (await response.json())["response"]


async def test_what_is_no_review_gets_400(webhook: tuple[Injector, str, Path]) -> None:
    _, base, directory = webhook
    assert (await post(base, directory, b"{"))[0] == 400
    assert (await post(base, directory, b"[]"))[0] == 400


async def test_a_new_certificate_is_served_without_a_restart(webhook: tuple[Injector, str, Path]) -> None:
    injector, base, directory = webhook
    assert (await post(base, directory, review(POD)))[0] == 200
    end = write_certificate(directory, 90)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await post(base, directory, review(POD))  # the old one is still served, the new one is what we trust
    await asyncio.to_thread(injector.refresh)
    assert (await post(base, directory, review(POD)))[0] == 200
    trust = ssl.create_default_context(cafile=str(directory / "tls.crt"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        text = await (await session.get(f"{base}/metrics")).text()
    line = next(one for one in text.splitlines() if one.startswith("sidewatch_injector_certificate_expiry"))
    assert float(line.split()[1]) == end.timestamp()


async def test_a_broken_pair_or_template_leaves_the_old_one_at_work(webhook: tuple[Injector, str, Path]) -> None:
    injector, base, directory = webhook
    good = (directory / "tls.crt").read_bytes()
    (directory / "tls.crt").write_text("no certificate")
    (directory / "template.yaml").write_text("kind: [")
    with pytest.raises(ssl.SSLError):
        Certificate(directory)
    await asyncio.to_thread(injector.refresh)
    (directory / "tls.crt").write_bytes(good)
    assert (await post(base, directory, review(POD)))[0] == 200


def test_a_certificate_that_has_ended_is_told(tmp_path: Path) -> None:
    write_certificate(tmp_path, -1)
    assert Certificate(tmp_path).expires_unix_seconds() == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", "template.yaml"),
        ("{}", "required field"),
        ("kind: other", "Invalid enum value"),
        (
            yaml.safe_dump(msgspec.to_builtins(NATIVE) | {"containers": {"native": {"name": "x"}}}),
            "expected 'sidewatch'",
        ),
    ],
)
def test_an_unusable_template_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "template.yaml").write_text(text)
    with pytest.raises(TemplateError, match=message):
        load_template(tmp_path / "template.yaml")
