"""Certificates of a test's own authority."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Files:
    """Paths of a CA's certificate, a server's and a client's pair (one PEM each)."""

    ca: str
    server: str
    client: str


def issue(name: str, signer=None, *, ca: bool = False):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("upstream.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    return certificate, key


def pem(certificate, key=None) -> bytes:
    text = certificate.public_bytes(serialization.Encoding.PEM)
    if key is not None:
        text += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return text


def write(directory: Path) -> Files:
    """Make an authority, a server's and a client's certificate, and write them."""
    authority = issue("test authority", ca=True)
    made = Files(*(str(directory / name) for name in ("ca.pem", "server.pem", "client.pem")))
    contents = pem(authority[0]), pem(*issue("upstream.test", authority)), pem(*issue("client", authority))
    for path, content in zip((made.ca, made.server, made.client), contents, strict=True):
        with open(path, "wb") as file:
            file.write(content)
    return made


def server_context(files: Files, *, ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.ca)
    return context
