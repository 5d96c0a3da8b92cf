"""The tables of docs/scenarios.md: every key of a scenario file, from the model itself.

    python -m tests.docs.keys

writes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from simrt.antipatterns import ANTIPATTERNS
from simrt.checkers import CHECKERS, STATES
from simrt.scenario import units
from simrt.scenario.fields import MOST_MESSAGES, Part
from simrt.scenario.schema import json_schema
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

SCENARIOS = ROOT / "docs" / "scenarios.md"

# Where each part is explained: the heading of its section.
SECTIONS = {
    "Scenario": "The file",
    "Intent": "intent",
    "Feature": "feature",
    "Options": "feature.options",
    "Stream": "feature.stream",
    "Replay": "feature.stream.replay",
    "Sender": "feature.senders",
    "Workload": "workload",
    "Publish": "workload.publish",
    "Arrivals": "arrivals",
    "Batch": "batch",
    "BatchSize": "batch",
    "OnOff": "on-off",
    "Trace": "trace",
    "Subscribers": "workload.subscribers",
    "KeepAlive": "notices",
    "Distribution": "Distributions",
    "Erlang": "Distributions",
    "Uniform": "Distributions",
    "Phase": "Distributions",
    "Online": "online",
    "Reconnect": "reconnect",
    "Fault": "faults",
    "Outcome": "outcome",
    "ServerSettings": "server",
    "Variants": "variants",
    "SiteCheck": "site",
}

# What a reader writes, for each pattern that the schema knows.
_PATTERNS = {
    units.DURATION_PATTERN: "a duration",
    units.POSITIVE_DURATION_PATTERN: "a duration above 0",
    units.RATE_PATTERN: "a rate",
    units.SIZE_PATTERN: "a size",
    units.POSITIVE_SIZE_PATTERN: "a size above 0",
}
_EVENTS = "JSON Schemas by event type"
_WHO = "methods by who may: `public`, `user` or `token:NAME`"
# What the schema knows only as text.
_TEXTS = {
    "hook": "`METHOD /path`",
    "sends": "an event type",
    "event": "an event type",
    "burst": "an event type",
    **dict.fromkeys(("stall", "disconnect", "slow", "half-open", "deny"), "a group"),
}
_RULE = re.compile(r"\b([A-Z]{3}-[0-9]+)\b")


def definitions() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each part, by the name of its model."""
    schema = json_schema()
    parts = {"Scenario": schema, **schema["$defs"]}
    bare = parts["Distribution"]  # a duration, 0, or the part
    parts["Distribution"] = {**bare, **bare["anyOf"][-1]}
    return parts


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a part, as written."""
    return tuple(definitions()[name]["properties"])


def anchor(name: str, home: str = "") -> str:
    """A link to the section of a part; none where the reader is there already."""
    heading = SECTIONS[name]
    if heading == home:
        return "the keys below"
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in "-_ ")
    return f"[{heading}](#{kept.replace(' ', '-')})"


def takes(schema: dict[str, Any], home: str = "") -> str:
    """What may be written for a key, in words; `home` is the section that says so."""
    if "$ref" in schema:
        return anchor(schema["$ref"].rsplit("/", 1)[-1], home)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(takes(one, home) for one in schema[several]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("pattern") in _PATTERNS:
        return _PATTERNS[schema["pattern"]]
    kind = schema.get("type")
    if kind == "array":
        return _list(schema, home)
    if kind == "object":
        (inside,) = schema["patternProperties"].values()
        return f"by name: {anchor('Subscribers')}" if "Subscribers" in str(inside) else _by(inside)
    if kind in ("integer", "number"):
        return _number(schema)
    return {"boolean": "`true` or `false`", "string": _text(schema), None: "JSON data"}[kind]


def _by(inside: dict[str, Any]) -> str:
    return _WHO if inside.get("type") == "array" else _EVENTS


def _text(schema: dict[str, Any]) -> str:
    return "a date and time with its offset" if schema.get("format") == "date-time" else "text"


def _list(schema: dict[str, Any], home: str) -> str:
    if schema.get("maxItems") == 2:
        return "a list of two durations"
    inside = takes(schema["items"], home)
    least = f", {schema['minItems']} or more" if "minItems" in schema else ""
    return f"a list{least}; each: {inside}"


def _number(schema: dict[str, Any]) -> str:
    what = "a whole number" if schema["type"] == "integer" else "a number"
    limits = []
    if "exclusiveMinimum" in schema:
        limits.append(f"above {schema['exclusiveMinimum']}")
    if "minimum" in schema:
        limits.append(f"{schema['minimum']} or more")
    if schema.get("maximum", MOST_MESSAGES) != MOST_MESSAGES:
        limits.append(f"at most {schema['maximum']:,}")
    return ", ".join([what, *limits])


def default(key: str, part: dict[str, Any]) -> str:
    """What holds where the key is not written."""
    if key in part.get("required", ()):
        return "**must be written**"
    if any(one.get("required") == [key] for one in part.get("oneOf", ())):
        return "one of these keys"
    schema = part["properties"][key]
    if schema.get("default") in ("", [], {}, None):
        return "`none`" if "`none`" in takes(schema) else "—"
    value = schema["default"]
    if isinstance(value, dict) and len(value) == 1:
        ((only, written),) = value.items()
        return f"`{written}`" if only == "constant" else f"`{{{only}: {written}}}`"
    if isinstance(value, dict):
        return "—"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def table_of_keys(name: str) -> str:
    """The keys of one part."""
    part = definitions()[name]
    rows = [
        f"| `{key}` | {_TEXTS.get(key, takes(schema, SECTIONS[name]))} | "
        f"{default(key, part)} | {_meaning(schema)} |\n"
        for key, schema in part["properties"].items()
    ]
    return "| key | takes | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _meaning(schema: dict[str, Any]) -> str:
    """The key's own words, or those of the part that stands there; rules linked."""
    part = definitions().get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
    words = schema.get("description") or part.get("description", "")
    return _RULE.sub(lambda rule: f"[{rule[1]}](semantics.md#{rule[1].lower()})", words)


def table_of_states() -> str:
    """What `reached(…)` may ask for."""
    rows = [f"| `{state}` | {meaning} |\n" for state, meaning in STATES.items()]
    return "| state | reached when |\n|---|---|\n" + "".join(rows)


# The judges that are no checkers of a history and no anti-patterns.
_OTHER_CODES = (
    ("settings", 3, "Each of the five settings is decided."),
    ("stale", 3, "No replay brings what is older than `useful_for`."),
    ("site", 6, "The site's own validation ends with 0."),
)


def table_of_codes() -> str:
    """What `outcome` may name."""
    found = [(one.name, one.item, one.promise) for one in CHECKERS]
    found += _OTHER_CODES
    found += [
        (one.code, one.item, f"The file shows no sign of: {one.title}.") for one in ANTIPATTERNS
    ]
    rows = [f"| `{code}` | {item} | {says} |\n" for code, item, says in found]
    return "| code | item | fails unless |\n|---|---|---|\n" + "".join(rows)


def parts_in_model() -> set[str]:
    """The names of all models of the scenario's package."""

    def below(part: type[Part]) -> set[str]:
        return {part.__name__} | {name for one in part.__subclasses__() for name in below(one)}

    return below(Part) - {"Part", "OneOf"}


PARTS: dict[str, Callable[[], str]] = {
    **{f"keys of {name}": partial(table_of_keys, name) for name in SECTIONS},
    "states": table_of_states,
    "codes": table_of_codes,
}


def main() -> None:
    """Write the tables into the document."""
    text = SCENARIOS.read_text("utf-8")
    for name, part in PARTS.items():
        text = replaced(text, name, part())
    SCENARIOS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
