"""A small reader of OpenAPI 3.0 schemas, as far as Twilio's description of messages uses them; for tests."""

import json
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONTRACT = Path(__file__).resolve().parents[2] / "shared" / "contracts" / "twilio" / "openapi_messages_subset.json"
_BASE = "/2010-04-01/Accounts/{AccountSid}/Messages"


class Description:
    """Twilio's official description of messages."""

    def __init__(self) -> None:
        self._all = json.loads(CONTRACT.read_text(encoding="utf-8")) if CONTRACT.exists() else {}

    @property
    def is_there(self) -> bool:
        return bool(self._all)

    def create(self) -> dict[str, Any]:
        """Return the operation that creates a message."""
        return self._all["paths"][_BASE + ".json"]["post"]  # type: ignore[no-any-return]

    def form(self) -> dict[str, Any]:
        content = self.create()["requestBody"]["content"]["application/x-www-form-urlencoded"]
        return content["schema"]  # type: ignore[no-any-return]

    def examples(self) -> dict[str, dict[str, Any]]:
        content = self.create()["requestBody"]["content"]["application/x-www-form-urlencoded"]
        return {name: example["value"] for name, example in content["examples"].items()}

    def answer(self, method: str, path: str, status: str) -> dict[str, Any]:
        """Return the schema of an answer; `path` is that after `/Messages`."""
        operation = self._all["paths"][_BASE + path][method]
        return operation["responses"][status]["content"]["application/json"]["schema"]  # type: ignore[no-any-return]

    def wrong(self, value: Any, schema: dict[str, Any], at: str = "") -> list[str]:
        """Return what is wrong with a JSON value."""
        if "$ref" in schema:
            return self.wrong(value, self._all["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], at)
        if value is None:
            return [] if schema.get("nullable") or "enum" in schema else [f"{at}: null"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{at}: {value!r} is not one of {schema['enum']}"]
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                missing = [f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value]
                nested = (
                    self.wrong(each, properties[name], f"{at}.{name}")
                    for name, each in value.items()
                    if name in properties
                )
                return missing + [each for found in nested for each in found]
            case "array":
                if not isinstance(value, list):
                    return [f"{at}: no list"]
                found = (self.wrong(each, schema["items"], f"{at}[{place}]") for place, each in enumerate(value))
                return [each for wrong in found for each in wrong]
            case "string":
                return _wrong_string(value, schema, at)
            case "integer":
                return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{at}: no integer"]
            case "boolean":
                return [] if isinstance(value, bool) else [f"{at}: not true or false"]
            case "number":
                return [] if isinstance(value, int | float) else [f"{at}: no number"]
        return []

    def wrong_form(self, form: list[tuple[str, str]]) -> list[str]:
        """Return what is wrong with a form: its words are read as the types of the schema first."""
        properties = self.form()["properties"]
        value: dict[str, Any] = {}
        for name, text in form:
            kind = properties.get(name, {}).get("type")
            if kind == "array":
                value.setdefault(name, []).append(text)
            else:
                value[name] = _typed(text, kind)
        return self.wrong(value, self.form())


def _typed(text: str, kind: str | None) -> Any:
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _wrong_string(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{at}: no string"]
    wrong = []
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        wrong.append(f"{at}: {len(value)} characters")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.append(f"{at}: not {schema['pattern']}")
    if not _has_format(value, schema.get("format", "")):
        wrong.append(f"{at}: no {schema['format']}")
    return wrong


def _has_format(value: str, format_: str) -> bool:
    try:
        match format_:
            case "uri":
                return not value or (bool(urlsplit(value).path or urlsplit(value).netloc) and " " not in value)
            case "date-time":
                return datetime.fromisoformat(value).tzinfo is not None
            case "date-time-rfc-2822":
                return parsedate_to_datetime(value) is not None
    except ValueError:
        return False
    return True
