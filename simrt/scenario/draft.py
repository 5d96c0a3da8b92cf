"""A scenario that may still be wrong: typed looks into plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simrt.errors import Mistake
from simrt.scenario.documents import Document, KeyPath
from simrt.scenario.fields import OneOf, Part
from simrt.scenario.units import parse_duration


class Draft:
    """Looks into a document that take nothing for granted: what is not as it should be is absent.

    Arguments:
        document: the plain data.
        directory: where relative names of files start.
    """

    def __init__(self, document: Document, directory: str) -> None:
        self.document = document
        self.directory = Path(directory)

    def mapping(self, *path: str | int) -> dict[str, Any]:
        """The mapping at a path, or an empty one."""
        found = self.document.at(path)
        return found if isinstance(found, dict) else {}

    def items(self, *path: str | int) -> list[tuple[KeyPath, dict[str, Any]]]:
        """The mappings in the list at a path, each with its own path."""
        found = self.document.at(path)
        if not isinstance(found, list):
            return []
        return [((*path, i), item) for i, item in enumerate(found) if isinstance(item, dict)]

    def text(self, path: KeyPath) -> str | None:
        """The text at a path."""
        found = self.document.at(path)
        return found if isinstance(found, str) else None

    def duration_ns(self, *path: str | int) -> int | None:
        """The duration at a path, in nanoseconds."""
        found = self.document.at(path)
        if found == 0 and isinstance(found, int):
            return 0
        try:
            return parse_duration(found) if isinstance(found, str) else None
        except ValueError:
            return None

    def part(self, kind: type[Part], path: KeyPath) -> Any:
        """The part at a path as its model, where it is valid by itself."""
        try:
            return kind.model_validate(self.document.at(path))
        except ValidationError:
            return None

    def wrong(self, path: KeyPath, allowed: str, **words: Any) -> tuple[KeyPath, Mistake]:
        """A mistake at a path."""
        return path, self.document.mistake(path, allowed, **words)

    # --- what several checks ask about -----------------------------------------------------------

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """The declared events with their schemas."""
        found = self.mapping("feature", "events")
        return {event: schema for event, schema in found.items() if isinstance(schema, dict)}

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups of subscribers."""
        return tuple(self.mapping("workload", "subscribers"))

    @property
    def senders(self) -> list[tuple[KeyPath, dict[str, Any]]]:
        """The senders."""
        return self.items("feature", "senders")

    @property
    def publishes(self) -> list[tuple[KeyPath, dict[str, Any]]]:
        """The entries of the workload."""
        return self.items("workload", "publish")

    def hook_for(self, event: str) -> tuple[KeyPath, dict[str, Any]] | None:
        """The first hook that sends an event."""
        for path, sender in self.senders:
            if "hook" in sender and sender.get("sends") == event:
                return path, sender
        return None


def one_choice(part: type[OneOf], value: dict[str, Any]) -> str | None:
    """The one choice that stands in a part, or None."""
    given = [key for key in part.choices() if value.get(key) is not None]
    return given[0] if len(given) == 1 else None
