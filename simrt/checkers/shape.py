"""Promise: every kind of event is declared, with the exact shape of its data, and stays small.

Each declared type has a JSON Schema that allows nothing but what it names: an object without
additional properties, every property and every nested part typed. Each send is of a declared type
(SSE-7) and at most 2 KiB, or `maxEventBytes` where the file says so (PUB-3). An arrival that the
server rejected for its shape is a failure of the feature, and is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.text import many

SMALL_BYTES = 2048
_SAYS_WHAT = ("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf")
_NESTED_LISTS = ("anyOf", "oneOf", "allOf")


def loose_places(schema: object, where: str) -> Iterator[str]:
    """Every place of a schema that leaves open what may stand there, as a line each.

    Arguments:
        schema: a JSON Schema, or a part of one.
        where: the path so far, such as `content-updated.id`.
    """
    if not isinstance(schema, dict):
        yield f"{where}: {schema!r} says nothing about the data"
        return
    if not any(key in schema for key in _SAYS_WHAT):
        yield f"{where}: no type"
        return
    types = schema.get("type", [])
    if "object" in ([types] if isinstance(types, str) else types):
        yield from _loose_object(schema, where)
    if "array" in ([types] if isinstance(types, str) else types) and "prefixItems" not in schema:
        yield from loose_places(schema.get("items", True), f"{where}[]")
    for key in ("$defs", "definitions"):
        for name, part in schema.get(key, {}).items():
            yield from loose_places(part, f"{where}.{key}.{name}")
    for key in _NESTED_LISTS:
        for index, part in enumerate(schema.get(key, ())):
            yield from loose_places(part, f"{where}.{key}[{index}]")


def _loose_object(schema: dict[str, Any], where: str) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield f"{where}: additionalProperties is not false, so any field may be added"
    for pattern in schema.get("patternProperties", {}):
        yield f"{where}: patternProperties lets any field be added whose name fits {pattern}"
    properties = schema.get("properties", {})
    for name, part in properties.items():
        yield from loose_places(part, f"{where}.{name}")
    for name in schema.get("required", ()):
        if name not in properties:
            yield f"{where}.{name}: required but not described"


class _Shape(Watch):
    """Reads the declared schemas, then compares each send and each rejection with them."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._events = ledger.scenario.feature.events
        server = ledger.scenario.server
        written = "max_event_bytes" in server.model_fields_set
        self._most_bytes = server.max_event_bytes if written else SMALL_BYTES
        self._sent: set[str] = set()
        self._largest = 0
        self._rejected: Counter[tuple[str, str]] = Counter()
        for name, schema in self._events.items():
            for line in self._declared(name, schema):
                self.fail(None, f"declared event {line} (SSE-7)")

    def on_send(self, row: Row, _: Subscription | None) -> None:
        if row.project != self.ledger.project:
            return
        self.judged += 1
        self._sent.add(row.event)
        self._largest = max(self._largest, row.bytes)
        if row.event not in self._events:
            self.fail(row, f"type {row.event!r} is not declared (SSE-7)")
        if row.bytes > self._most_bytes:
            limit = many(self._most_bytes, "byte")
            self.fail(row, f"{row.event} has {many(row.bytes, 'byte')}, allowed {limit} (PUB-3)")

    def on_reject(self, row: Row, _: Subscription | None) -> None:
        if row.project != self.ledger.project or row.cause not in ("shape", "event"):
            return
        self.judged += 1
        self._rejected[row.event, row.cause] += 1
        why = "its data is not as declared" if row.cause == "shape" else "it is no valid event"
        self.fail(row, f"{row.event!r} was rejected: {why} (SSE-7)")

    @staticmethod
    def _declared(name: str, schema: dict[str, Any]) -> Iterator[str]:
        if schema.get("type") != "object":
            yield f"{name}: its type is not object"
        yield from loose_places(schema, name)

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.failures:
            rejected = sum(self._rejected.values())
            what = many(self.failures, "finding")
            return Status.FAIL, (
                f"{what} against the declared shape; {many(rejected, 'event')} rejected for it."
            )
        if not self.judged:
            return Status.INCONCLUSIVE, "Nothing was sent, so no shape was seen."
        unseen = [name for name in self._events if name not in self._sent]
        never = f"; never sent: {', '.join(unseen)}" if unseen else ""
        types = many(len(self._events), "declared type")
        most = many(self._most_bytes, "byte")
        return Status.PASS, (
            f"All {many(self.judged, 'event')} are of {types}, the largest has "
            f"{self._largest:,} of {most} allowed{never}."
        )


CHECKER = Checker(
    "shape",
    "Every kind of event is declared, with the exact shape of its data, and stays small.",
    ("SSE-7", "PUB-3"),
    2,
    _Shape,
)
check = CHECKER.check
