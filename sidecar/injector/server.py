"""The webhook server: AdmissionReview v1 in, AdmissionReview v1 out, over TLS.

It always allows. An error of ours leaves the pod as it was, with a warning to the user and a count: a monitor
must never be the reason why an app does not start.
"""

import asyncio
import base64
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from sidecar.config.resolve import join_address
from sidecar.injector.certificate import Certificate
from sidecar.injector.patch import injection
from sidecar.injector.template import Json, Template, TemplateError, load_template

_log = structlog.get_logger("sidewatch.injector")
_REFRESH_SECONDS = 10.0
_MAX_REVIEW_BYTES = 8 * 1024 * 1024  # the API server's own limit of an object is 3 MiB


class Injector:
    """Answers reviews with the current template; `refresh` follows the mounted files."""

    def __init__(self, template_path: Path, certificate: Certificate | None) -> None:
        self._path = template_path
        self._template = load_template(template_path)
        self._certificate = certificate
        self._registry = CollectorRegistry()
        self._reviews = Counter(
            "sidewatch_injector_reviews", "Admission reviews answered, by result.", ["result"], registry=self._registry
        )
        for result in ("injected", "skipped", "obstacle", "error"):
            self._reviews.labels(result)  # there from the start, so that an increase can be seen
        self._expiry = Gauge(
            "sidewatch_injector_certificate_expiry_timestamp_seconds",
            "When the webhook's certificate ends; 0 when it is not valid.",
            registry=self._registry,
        )
        if certificate:
            self._expiry.set(certificate.expires_unix_seconds())

    def application(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_REVIEW_BYTES)
        app.router.add_post("/mutate", self._mutate)
        app.router.add_get("/healthz", _healthy)
        app.router.add_get("/metrics", self._metrics)
        app.cleanup_ctx.append(self._refreshing)
        return app

    def review(self, review: Json) -> Json:
        """Return the answer to one AdmissionReview."""
        request = review.get("request") or {}
        response: Json = {"uid": request.get("uid", ""), "allowed": True}
        try:
            operations, warnings = _decide(request, self._template)
        except Exception:
            # The boundary: whatever the pod held, it must start.
            self._reviews.labels("error").inc()
            _log.exception("review failed", uid=response["uid"])
            operations, warnings = [], ["sidewatch was not injected: an internal error was logged"]
        else:
            self._reviews.labels("injected" if operations else "obstacle" if warnings else "skipped").inc()
        if operations:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(orjson.dumps(operations)).decode()
        if warnings:
            response["warnings"] = [text[:250] for text in warnings]  # the API server cuts longer ones
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def refresh(self) -> None:
        """Take changed files over; a broken one is logged and the old one goes on. Blocking file reads."""
        try:
            self._template = load_template(self._path)
        except TemplateError as error:
            _log.error("template not reloaded", reason=str(error))
        if self._certificate is None:
            return
        try:
            if self._certificate.refresh():
                _log.info("certificate reloaded")
        except OSError as error:
            _log.error("certificate not reloaded", reason=str(error))
        self._expiry.set(self._certificate.expires_unix_seconds())

    async def _mutate(self, request: web.Request) -> web.Response:
        try:
            review = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            review = None
        if not _is_review(review):
            return web.json_response({"message": "expected an AdmissionReview of admission.k8s.io/v1"}, status=400)
        return web.Response(body=orjson.dumps(self.review(review)), content_type="application/json")

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus text."""
        return generate_latest(self._registry)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _refreshing(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._follow_files())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await asyncio.to_thread(self.refresh)


async def serve(template: Path, certificates: Path, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; print the address once it listens.

    Raises TemplateError, OSError or ssl.SSLError when the mounted files cannot be used.
    """
    certificate = Certificate(certificates)
    runner = web.AppRunner(Injector(template, certificate).application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=certificate.context)
    await site.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _log.info("injector listening", address="https://" + join_address(*runner.addresses[0][:2]))
    await stop.wait()
    await runner.cleanup()


def _decide(request: Json, template: Template) -> tuple[list[Json], list[str]]:
    pod = request.get("object")
    if (request.get("kind") or {}).get("kind") != "Pod" or not isinstance(pod, dict):
        return [], []
    if request.get("operation", "CREATE") != "CREATE" or request.get("subResource"):
        return [], []  # of a pod that runs next to nothing may be changed: the API server would refuse it
    meta = pod.get("metadata") or {}
    return injection(pod, request.get("namespace") or meta.get("namespace") or "default", template)


def _is_review(review: object) -> bool:
    if not isinstance(review, dict) or review.get("apiVersion") != "admission.k8s.io/v1":
        return False
    return isinstance(review.get("request"), dict)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
