"""The vectors of `vectors.json` as Python values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simrt.sse import Comment, Event, Item, Retry


@dataclass(frozen=True, slots=True)
class Vector:
    """A stream, and what the standard makes of it."""

    name: str
    why: str
    stream: bytes
    items: tuple[Item, ...]
    last_event_id: str

    @property
    def events(self) -> list[Event]:
        """What a browser shows of it."""
        return [item for item in self.items if isinstance(item, Event)]


def _item(raw: dict[str, Any]) -> Item:
    if "event" in raw:
        return Event(raw["event"], raw["data"], raw["id"])
    return Retry(raw["retry"]) if "retry" in raw else Comment(raw["comment"])


def load() -> list[Vector]:
    """All vectors, in file order."""
    document = json.loads(Path(__file__).with_name("vectors.json").read_text("ascii"))
    return [
        Vector(
            raw["name"],
            raw["why"],
            raw["stream"].encode("latin-1"),
            tuple(map(_item, raw["items"])),
            raw["last_event_id"],
        )
        for raw in document["vectors"]
    ]


VECTORS = load()
