"""What a client tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from simrt.client.connection import Head
    from simrt.sse import Event


class Observer(Protocol):
    """Hears what happens to one client, at the instant it happens.

    `connection` is the how-many-th attempt to connect, from 1. An observer must not raise.
    """

    def opened(self, connection: int, head: Head) -> None:
        """The attempt succeeded: a stream began (status 200, `text/event-stream`)."""

    def receive(self, connection: int, event: Event) -> None:
        """The client finished handling an event (NET-3)."""

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """The attempt failed: `status`, `down`, `offline` or `network`."""

    def gave_up(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """The client will not try again (CLI-3); follows its `refuse`."""

    def close(self, connection: int, cause: str, received: int) -> None:
        """A stream ended, for one of the causes of docs/history.md.

        `received` counts the events that were handled on it.
        """

    def offline(self) -> None:
        """The client's network went away."""

    def online(self) -> None:
        """The client's network came back."""
