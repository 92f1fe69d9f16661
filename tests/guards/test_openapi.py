"""/openapi.json says of every endpoint what it takes and gives, and it is what the handlers do."""

import ast
import inspect
import json
import textwrap

import pytest

from notifier.web.openapi import describe
from notifier.web.operations import OPERATIONS
from notifier.web.route import Route
from notifier.web.server import ROUTES
from tests.guards.test_api_document import documented

EVERY = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


def calls(route: Route, name: str) -> list[ast.Call]:
    """Return the calls of a method of `call` in a handler."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(route.handler)))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
        and ast.unparse(node.func.value) == "call"
    ]


def test_every_endpoint_is_described_and_every_described_one_exists() -> None:
    made = describe(ROUTES)
    described = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    assert described == set(documented())
    assert set(OPERATIONS) <= {(route.method, route.path) for route in ROUTES}


@EVERY
def test_every_endpoint_says_what_it_takes_and_gives(route: Route) -> None:
    assert (route.method, route.path) in OPERATIONS


@EVERY
def test_the_body_is_the_one_that_the_handler_reads(route: Route) -> None:
    read = [ast.unparse(each.args[0]) for each in calls(route, "body")]
    if read:
        takes = OPERATIONS[route.method, route.path].takes
        assert [route.handler.__globals__[name] for name in read] == [takes]


@EVERY
def test_the_parameters_are_those_that_the_handler_knows(route: Route) -> None:
    known = [
        {arg.value for arg in each.args if isinstance(arg, ast.Constant)}
        for each in calls(route, "query")
        if all(isinstance(arg, ast.Constant) for arg in each.args)
    ]
    if known:
        assert set(OPERATIONS[route.method, route.path].query) == set.union(*known)


def test_every_reference_leads_somewhere_and_every_id_is_once() -> None:
    made = describe(ROUTES)
    text = json.dumps(made)
    schemas = made["components"]["schemas"]
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in schemas
    ids = [one["operationId"] for methods in made["paths"].values() for one in methods.values() if "operationId" in one]
    assert len(ids) == len(set(ids))
