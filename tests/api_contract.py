"""Every answer that a test gets over HTTP is held against what /openapi.json says about it."""

import re
from functools import cache
from typing import Any

import msgspec

from notifier.web.operations import JSON, OPERATIONS, Operation


def hold_against_openapi(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fail when a success has another status, another type or other fields than the table of operations says."""
    one = _operation(method, path.partition("?")[0])
    if one is None or not 200 <= status < 300:
        return
    assert status in one.statuses, f"{method} {path}: {status} is not one of {one.statuses}"
    assert content_type.partition(";")[0] == one.answer_type, f"{method} {path}: {content_type}"
    if one.answer_type == JSON and one.gives is not None:
        wrong = [_wrong(body, type_) for type_ in one.answers()]
        assert [] in wrong, f"{method} {path} gives what its type does not say: {wrong}"


def _wrong(body: bytes, type_: Any) -> list[str]:
    try:
        value = msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        return [str(error)]
    return _undeclared(msgspec.json.decode(body), msgspec.json.decode(msgspec.json.encode(value)))


@cache
def _operation(method: str, path: str) -> Operation | None:
    for (known, template), one in OPERATIONS.items():
        pattern = re.sub(r"\\\{id\\\}", "[0-9]+", re.escape(template))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        if known == method and re.fullmatch(pattern, path):
            return one
    return None


def _undeclared(said: Any, known: Any, at: str = "") -> list[str]:
    """Return the names of an answer that its type does not have."""
    if isinstance(said, dict) and isinstance(known, dict):
        missing = [f"{at}.{name}" for name in said if name not in known]
        return missing + [
            each for name in said if name in known for each in _undeclared(said[name], known[name], f"{at}.{name}")
        ]
    if isinstance(said, list) and isinstance(known, list):
        return [each for one, other in zip(said, known, strict=True) for each in _undeclared(one, other, f"{at}[]")]
    return []
