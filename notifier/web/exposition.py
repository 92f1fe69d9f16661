"""/metrics for Prometheus, on a listener of its own: never on the address that customers can reach."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from notifier.metrics import Metrics


def build_metrics_app(metrics: Metrics) -> web.Application:
    """Return the application that shows every metric as text, without the library's `_created` twin of each."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives no types for it

    async def show(_request: web.Request) -> web.StreamResponse:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app
