"""The HTTP application: its routes, and the edge every request passes.

The edge gives a request its id, turns every error into `application/problem+json`, counts by route template and writes
one line of access log. It must never let a request's own words into a log line or a metric label.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from notifier.clock import Clock
from notifier.logs import CORRELATION_ID, new_correlation_id, set_correlation_id
from notifier.logs import request as log_request
from notifier.metrics import Metrics
from notifier.web import health, links, openapi, preferences
from notifier.web.api import (
    audit,
    bounces,
    broadcasts,
    commander,
    complaints,
    consents,
    control,
    customers,
    detection,
    events,
    go_live,
    incidents,
    keys,
    notifications,
    on_call,
    operation,
    persons,
    planned,
    rounds,
    signals,
    status,
    test_sends,
)
from notifier.web.api import credits as owed
from notifier.web.auth import authenticate
from notifier.web.pages import Pages
from notifier.web.parts import Parts
from notifier.web.problem import PROBLEM, Problem, problem, problem_of
from notifier.web.route import Call, Route
from notifier.web.webhooks import twilio, twilio_sms
from notifier.web.wire import BODY_AT_MOST, encode

ROUTES: tuple[Route, ...] = (
    *complaints.ROUTES,
    *signals.ROUTES,
    *bounces.ROUTES,
    *test_sends.ROUTES,
    *customers.ROUTES,
    *consents.ROUTES,
    *status.ROUTES,
    *go_live.ROUTES,
    *detection.ROUTES,
    *incidents.ROUTES,
    *planned.ROUTES,
    *commander.ROUTES,
    *events.ROUTES,
    *rounds.ROUTES,
    *broadcasts.ROUTES,
    *notifications.ROUTES,
    *owed.ROUTES,
    *on_call.ROUTES,
    *control.ROUTES,
    *keys.ROUTES,
    *operation.ROUTES,
    *persons.ROUTES,
    *audit.ROUTES,
)
OTHER = "other"  # the route and method, in metrics and logs, of requests for which there is no endpoint
NUMBER_SHOWN = 40  # digits of a number that no id ever has
_BEYOND_IDS = re.compile(
    r"/v1/(?P<thing>incident|broadcast|notification|event|credit|round|key)s/(?P<number>[0-9]{19,})\b"
)
STATUS_CLASSES = ("2xx", "4xx", "5xx")

log = structlog.get_logger(__name__)


def build_app(parts: Parts) -> web.Application:
    """Return the application of the API, health and signed links."""
    edge = _edge(parts.metrics, parts.clock, parts.config.regions.time_zone)
    app = web.Application(middlewares=[edge], client_max_size=BODY_AT_MOST)
    for route in ROUTES:
        app.router.add_route(route.method, _pattern(route.path), _guarded(route, parts))
    pages = Pages(parts.config)
    open_routes = [
        *health.routes(parts),
        openapi.route(ROUTES),
        *links.routes(parts, pages),
        *preferences.routes(parts, pages),
        *twilio.routes(parts),
        *twilio_sms.routes(parts),
    ]
    app.router.add_routes(open_routes)
    _start_at_zero(parts.metrics, [(route.method, route.path) for route in ROUTES])
    _start_at_zero(parts.metrics, [(route.method, route.path) for route in open_routes])
    _start_at_zero(parts.metrics, [(OTHER, OTHER)])
    return app


def _pattern(path: str) -> str:
    return path.replace("{id}", r"{id:[0-9]{1,18}}")


def _guarded(route: Route, parts: Parts) -> Handler:
    """Return the handler behind its key and role."""
    role, or_system, handler, known = route.role, route.or_system, route.handler, parts.keys

    async def handle(request: web.Request) -> web.StreamResponse:
        actor = authenticate(request, known, basic=route.basic)
        actor.require(role, or_system=or_system)
        return await handler(Call(request, actor, parts))

    return handle


def _start_at_zero(metrics: Metrics, endpoints: Iterable[tuple[str, str]]) -> None:
    for method, path in endpoints:
        for status_class in STATUS_CLASSES:
            metrics.http_requests.labels(method, path, status_class)


def _edge(metrics: Metrics, clock: Clock, time_zone: str) -> Middleware:
    """Return the one middleware, outermost, so that nothing gets past it."""
    counters: dict[tuple[str, str, int], Callable[[], None]] = {}

    def count(method: str, route: str, status: int) -> None:
        key = (method, route, status // 100)
        increment = counters.get(key)
        if increment is None:
            increment = counters[key] = metrics.http_requests.labels(method, route, f"{status // 100}xx").inc
        increment()

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        given = request.headers.get("X-Request-Id")
        request_id = given if given and CORRELATION_ID.fullmatch(given) else new_correlation_id()
        set_correlation_id(request_id)
        resource = request.match_info.route.resource
        method, route = (request.method, resource.canonical) if resource is not None else (OTHER, OTHER)
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            raise
        except ConnectionError:  # the client is gone; what it was told is stored
            count(method, route, 499)
            log.info("client left", method=method, route=route)
            raise
        except web.HTTPException as error:
            response = _of_aiohttp(error, request)
        except Exception as error:  # noqa: BLE001  # the edge of the loop: an answer for every error
            response = _of_error(error, request_id, route)
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
            response.headers["Notifier-Now"] = clock.now().isoformat()  # perhaps rehearsed; `Date` never is
            response.headers["Notifier-Time-Zone"] = time_zone
        count(method, route, response.status)
        log_request(method, route, response.status, (time.perf_counter() - began) * 1000)
        return response

    return edge


def _of_error(error: Exception, request_id: str, route: str) -> web.Response:
    found = problem_of(error)
    if found is None or found.status >= 500:
        log.error("request failed", route=route, exc_info=error)
    if found is None:
        found = problem(500, f"something is wrong with this daemon; its log says more under {request_id}")
    return _answer(found)


def _of_aiohttp(error: web.HTTPException, request: web.Request) -> web.Response:
    match error.status:
        case 404:
            found = problem(404, _missing(request.path))
        case 405:
            allowed = ", ".join(sorted(getattr(error, "allowed_methods", ())))
            found = problem(405, f"{request.method[:20]} is not possible here; expected {allowed}")
        case 413:
            found = problem(413, f"the body is over {BODY_AT_MOST // 1024} KiB")
        case _:
            found = problem(error.status, error.reason)
    answer = _answer(found)
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def _missing(path: str) -> str:
    """Say that there is no such thing where only its number is one that no id ever is, else that there is no path."""
    if (beyond := _BEYOND_IDS.match(path)) is not None:
        return f"there is no {beyond['thing']} {beyond['number'][:NUMBER_SHOWN]}"
    return f"there is no path {path[:200]}"


def _answer(found: Problem) -> web.Response:
    answer = web.Response(body=encode(found), status=found.status, headers={"Content-Type": PROBLEM})
    if found.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if found.retry_after:
        answer.headers["Retry-After"] = str(found.retry_after)
    return answer
