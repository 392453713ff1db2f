"""The observer's pages on `admin.sock`; the primary forwards to them whatever it does not answer itself.

`/` names them all (PAGES). `/healthz` and `/readyz` are the primary's own, because they must not depend on the observer.
Pages are made in the event loop's default thread pool: a large one must not hold up the channel.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from sidecar.config.show import masked
from sidecar.observer.drift_streams import DriftStreams
from sidecar.observer.exposition import Exposition
from sidecar.observer.view import View
from watchers.drift import PROVIDER, DriftError
from watchers.watcher import Direction

PAGES: Final = {
    "/healthz": "whether the proxy lives",
    "/readyz": "whether it takes traffic, and whether the observer is up",
    "/metrics": "Prometheus text, or OpenMetrics by Accept",
    "/status": "coverage, queue, workers, watchers, self-test, drift, recent flags",
    "/drift": "every stream that is watched for drift",
    "/drift/accept": "POST: take streams as they are now for their normal; ?route= &model= &direction= &label=",
    "/config": "the settings in effect, secrets hidden",
}

Handler = Callable[[web.Request], Awaitable[web.Response]]


def application(view: View, exposition: Exposition) -> web.Application:
    """Return the pages. All are JSON, but `/metrics`."""

    async def metrics(request: web.Request) -> web.Response:
        page, content_type = await asyncio.to_thread(exposition.render, request.headers.get("Accept", ""))
        return web.Response(body=page, headers={"Content-Type": content_type})

    async def accept(request: web.Request) -> web.Response:
        streams = view.parts().drift
        if streams is None:
            return _json({"error": "drift is switched off"}, 404)
        try:
            accepted = await asyncio.to_thread(_accept, streams, request.query)
        except (DriftError, ValueError) as error:
            return _json({"error": str(error)}, 404)
        return _json({"accepted": accepted})

    app = web.Application()
    app.router.add_get("/", _page(lambda: PAGES))
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/config", _page(lambda: masked(view.parts().settings)))
    app.router.add_get("/status", _page(view.status))
    app.router.add_get("/drift", _page(view.drift))
    app.router.add_post("/drift/accept", accept)
    return app


def _page(content: Callable[[], object]) -> Handler:
    async def page(request: web.Request) -> web.Response:  # noqa: ARG001
        return _json(await asyncio.to_thread(content))

    return page


def _accept(streams: DriftStreams, query: Any) -> int:
    """Take the streams that match `route`, `model`, `direction` and `label` as their new normal; all of them without a query.

    Returns how many; one that has too few samples yet is left out. Raises: DriftError where none could be taken.
    """
    direction = query.get("direction")
    if direction not in (None, PROVIDER, *Direction):
        raise DriftError(f"there is no direction {direction}; use prompt, completion or provider")
    chosen = [
        key
        for key in streams.snapshot()
        if query.get("route", key.route) == key.route
        and query.get("model", key.model) == key.model
        and direction in (None, key.direction)
        and query.get("label", key.label) == key.label
    ]
    if not chosen:
        raise DriftError("no open stream matches")
    refused: list[DriftError] = []
    for key in chosen:
        try:
            streams.accept(key)
        except DriftError as error:
            refused.append(error)
    if len(refused) == len(chosen):
        raise refused[0]
    return len(chosen) - len(refused)


def _json(content: object, status: int = 200) -> web.Response:
    body = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    return web.Response(body=body + b"\n", status=status, content_type="application/json")
