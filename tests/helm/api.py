"""As much of a Kubernetes API server as Helm's install, upgrade and `lookup` need: discovery, and objects in memory.

No cluster: nothing is scheduled, defaulted or validated. It keeps what it is sent, merges patches, and refuses a changed
selector of a Deployment, as the real one does.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

Json = dict[str, Any]
# (group version) -> plural -> (kind, namespaced)
RESOURCES: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "namespaces": ("Namespace", False),
        "configmaps": ("ConfigMap", True),
        "secrets": ("Secret", True),
        "services": ("Service", True),
        "serviceaccounts": ("ServiceAccount", True),
        "pods": ("Pod", True),
    },
    "apps/v1": {"deployments": ("Deployment", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", True)},
    "admissionregistration.k8s.io/v1": {"mutatingwebhookconfigurations": ("MutatingWebhookConfiguration", False)},
    "cert-manager.io/v1": {"certificates": ("Certificate", True), "issuers": ("Issuer", True)},
    "monitoring.coreos.com/v1": {
        "podmonitors": ("PodMonitor", True),
        "servicemonitors": ("ServiceMonitor", True),
        "prometheusrules": ("PrometheusRule", True),
    },
}


class Objects:
    """Every stored object by its path; `refused` are the answers other than success."""

    def __init__(self) -> None:
        self.stored: dict[str, Json] = {}
        self.refused: list[str] = []

    def of_kind(self, kind: str) -> list[Json]:
        return [one for one in self.stored.values() if one["kind"] == kind]

    def answer(self, method: str, path: str, content_type: str, body: Any) -> tuple[int, Json]:
        """Return the status and body of one request."""
        if found := _discovery(path):
            return 200, found
        old = self.stored.get(path)
        if method == "GET":
            return (200, old) if old else _status(404, "NotFound", path)
        if method == "DELETE":
            self.stored.pop(path, None)
            return _status(200, "Success", path)
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.stored:
                return self._refuse(409, "AlreadyExists", path)
        elif method == "PATCH" and "apply" not in content_type:
            if old is None:
                return self._refuse(404, "NotFound", path)
            body = _merged(old, body)
        if old and old["kind"] == "Deployment" and old["spec"]["selector"] != body["spec"]["selector"]:
            return self._refuse(422, "Invalid", f"{path}: spec.selector: field is immutable")
        self.stored[path] = body
        return (200 if old else 201), body

    def _refuse(self, code: int, reason: str, message: str) -> tuple[int, Json]:
        self.refused.append(f"{code} {reason} {message}")
        return _status(code, reason, message)


def _discovery(path: str) -> Json | None:
    parts = path.strip("/").split("/")
    if path == "/version":
        return {"major": "1", "minor": "30", "gitVersion": "v1.30.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [one.split("/") for one in RESOURCES if "/" in one]
        versions = [(g, {"groupVersion": f"{g}/{v}", "version": v}) for g, v in groups]
        listed = [{"name": g, "versions": [v], "preferredVersion": v} for g, v in versions]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if path.startswith("/openapi/v3"):
        return _openapi(path.removeprefix("/openapi/v3").strip("/"))
    group_version = "v1" if parts == ["api", "v1"] else "/".join(parts[1:]) if parts[0] == "apis" else ""
    if group_version not in RESOURCES:
        return None
    resources = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": namespaced,
            "kind": kind,
            "verbs": ["get", "patch"],
        }
        for plural, (kind, namespaced) in RESOURCES[group_version].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _openapi(place: str) -> Json:
    """Say that every kind takes `fieldValidation`: clients then leave the checking of fields to the server."""
    places = {("api/v1" if one == "v1" else f"apis/{one}"): one for one in RESOURCES}
    if not place:
        return {"paths": {one: {"serverRelativeURL": f"/openapi/v3/{one}"} for one in places}}
    group, _, version = places[place].rpartition("/")
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    paths = {}
    for plural, (kind, _namespaced) in RESOURCES[places[place]].items():
        named = {"group": group, "version": version, "kind": kind}
        patch = {"x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": named, "parameters": [parameter]}
        paths[f"/{place}/{plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.30.0"}, "paths": paths}


def _status(code: int, reason: str, message: str) -> tuple[int, Json]:
    status = "Success" if code < 300 else "Failure"
    return code, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": status,
        "reason": reason,
        "message": message,
        "code": code,
    }


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    return {
        key: _merged(old.get(key), patch[key]) if key in patch else old[key]
        for key in [*old, *(k for k in patch if k not in old)]
        if not (key in patch and patch[key] is None)
    }


@contextmanager
def api_server() -> Iterator[tuple[str, Objects]]:
    """Serve on a free loopback port; yield the URL and what is stored."""
    objects = Objects()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = yaml.safe_load(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0]
            code, answer = objects.answer(self.command, path, self.headers.get("Content-Type") or "", body)
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", objects
    finally:
        server.shutdown()
        server.server_close()
