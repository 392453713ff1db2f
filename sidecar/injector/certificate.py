"""The webhook's TLS certificate: loaded again when its file changes, its end of life known.

cert-manager and the kubelet swap the mounted files; new handshakes take the new certificate, without a restart.
"""

import ssl
from pathlib import Path


class Certificate:
    """A server-side SSLContext over `tls.crt` and `tls.key` of one directory.

    Raises OSError or ssl.SSLError from the constructor when the files cannot be used; later failures keep the old one.
    """

    def __init__(self, directory: Path) -> None:
        self._cert, self._key = directory / "tls.crt", directory / "tls.key"
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._loaded = ("", "")
        self.refresh()

    def refresh(self) -> bool:
        """Load the files again if the certificate changed; return whether it did. Blocking file reads."""
        current = (self._cert.read_text(), self._key.read_text())
        if current == self._loaded:
            return False
        # A pair that does not match must not reach the live context: try it on a fresh one first.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self._cert, self._key)
        self.context.load_cert_chain(self._cert, self._key)
        self._loaded = current
        return True

    def expires_unix_seconds(self) -> float:
        """Return the end of validity; 0.0 when the certificate is no longer, or not yet, valid.

        The standard library decodes only a peer's verified certificate, so it is verified here, against itself, in a
        handshake in memory.
        """
        client = ssl.create_default_context(cadata=self._loaded[0])
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(to_client, to_server, server_side=False),
            self.context.wrap_bio(to_server, to_client, server_side=True),
        ]
        try:
            for _ in range(8):
                for end in ends:
                    _step(end)
            peer = ends[0].getpeercert() or {}
        except ssl.SSLCertVerificationError:
            return 0.0
        return float(ssl.cert_time_to_seconds(str(peer["notAfter"])))


def _step(end: ssl.SSLObject) -> None:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return
