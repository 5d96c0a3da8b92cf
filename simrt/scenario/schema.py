"""The JSON Schema of the scenario format: what an editor needs to complete and to mark keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simrt.scenario.fields import Part
from simrt.scenario.model import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Keys whose values are schemas by name, a schema, or schemas in a list. Nothing else is walked:
# a default or an enumeration holds data, which may look like a schema.
_BY_NAME = ("$defs", "properties", "patternProperties")
_ONE = ("items", "additionalProperties", "if", "then", "not")
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")


def json_schema() -> dict[str, Any]:
    """The schema of a scenario file, draft 2020-12, in the file's spelling.

    It knows keys, types, ranges and which keys exclude each other; what needs two places at once
    (does this group exist?) only the loader knows. Keys stand in a fixed order.
    """
    schema = _plain(Scenario.model_json_schema(by_alias=True))
    for part in _parts(Part):
        _write_defaults(schema["$defs"].get(part.__name__, schema), part)
    for name in ("Sender", "Publish"):
        schema["$defs"][name]["properties"]["data"].pop("default", None)
    # An event's shape is itself a schema: editors complete it, too.
    schema["$defs"]["Feature"]["properties"]["events"]["patternProperties"] = {
        pattern: {"$ref": DIALECT}
        for pattern in schema["$defs"]["Feature"]["properties"]["events"]["patternProperties"]
    }
    return {"$schema": DIALECT, "title": "simrt scenario", **schema}


def _parts(part: type[Part]) -> Iterator[type[Part]]:
    for below in part.__subclasses__():
        yield below
        yield from _parts(below)


def _write_defaults(schema: dict[str, Any], part: type[Part]) -> None:
    """Defaults as a person would write them: `3s`, not nanoseconds."""
    defaults = part.model_construct().model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, field in part.model_fields.items():
        key = field.alias or name
        if "default" in schema.get("properties", {}).get(key, {}):
            schema["properties"][key]["default"] = defaults.get(key, "none")


def _plain(schema: Any) -> Any:
    """The same without what means nothing in a file: null, titles made from Python names."""
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _BY_NAME:
            plain[key] = {name: _plain(inner) for name, inner in value.items()}
        elif key in _ONE:
            plain[key] = _plain(value)
        elif key in _SEVERAL:
            plain[key] = [_plain(inner) for inner in value if inner != {"type": "null"}]
        elif key == "description":
            plain[key] = value.partition("\n")[0]
        elif key != "title" and not (key == "default" and value is None):
            plain[key] = value
    if "patternProperties" in plain:
        plain.setdefault("additionalProperties", False)
    alternatives = plain.get("anyOf", [])
    if len(alternatives) == 1:  # one thing or null: only that thing
        del plain["anyOf"]
        plain = {**alternatives[0], **plain}
    return plain
