"""The webhook as a process of its own, as the chart starts it, and an API server's side of the conversation."""

import contextlib
import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.injector.test_server import write_certificate


@dataclass(frozen=True)
class Webhook:
    """Where it listens, and whom to trust."""

    url: str
    folder: Path

    def review(self, pod: object, namespace: str = "shop", **more: Any) -> dict[str, Any]:
        """Return the response to one AdmissionReview of a created pod; `more` is laid over the request."""
        request = {
            "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        } | more
        body = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
        answer = json.loads(self._open("/mutate?timeout=5s", json.dumps(body).encode()))
        assert answer["apiVersion"] == "admission.k8s.io/v1"
        assert answer["response"]["uid"] == request["uid"]
        return dict(answer["response"])

    def counts(self) -> dict[str, float]:
        """Return reviews by result."""
        found = re.findall(r'sidewatch_injector_reviews_total\{result="(\w+)"\} (\S+)', self._open("/metrics").decode())
        return {result: float(count) for result, count in found}

    def _open(self, path: str, body: bytes | None = None) -> bytes:
        trust = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10, context=trust) as response:
            return bytes(response.read())


@contextlib.contextmanager
def running_webhook(folder: Path, template: str) -> Iterator[Webhook]:
    """Run `sidewatch injector` with a template and a fresh certificate, until it listens; SIGTERM ends it with 0."""
    write_certificate(folder, 30)
    (folder / "template.yaml").write_text(template)
    command = [sys.executable, "-m", "sidecar.cli", "injector", "--template", str(folder / "template.yaml")]
    command += ["--certificates", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout
        line = next(line for line in process.stdout if "injector listening" in line)
        port = re.findall(r":(\d+)\"", json.dumps(json.loads(line)["address"]))[0]
        yield Webhook(f"https://localhost:{port}", folder)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(5)
