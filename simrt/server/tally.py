"""What a server has counted since it began, as far as nobody else knows it.

What became of messages the engine knows for every open stream, exactly, whenever it is asked
(ACC-1, PUB-4). So a send or a take counts nothing here; only what ends is added up, when it ends.
Every key is made of what the site declares, never of what a stranger or a user wrote: project,
declared channel (`room-{room}`, not `room-7`), status, cause. So there are as many as declarations
allow, however long the server lives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from simrt.engine import Channel, Fate
from simrt.server.declared import Feed

Key = tuple[str, str]
"""Project, and channel as declared."""


def key_of(feed: Feed) -> Key:
    """The key of everything that is sent to a feed."""
    return feed.project, feed.channel.text


class Tally:
    """The counts of one life of a server.

    Attributes:
        opened: streams that began, by key.
        closed: streams that ended, by key and cause.
        offered: messages that ended streams were offered, by key.
        fates: what became of these, by key and fate; never pending.
        refused: requests that got no more than a status, by project and status; the project is
            empty where no endpoint was found.
        rejected: events that were not sent, by key and cause.
        channels: the channels in use, by key.
    """

    def __init__(self) -> None:
        self.opened: Counter[Key] = Counter()
        self.closed: Counter[tuple[Key, str]] = Counter()
        self.offered: Counter[Key] = Counter()
        self.fates: Counter[tuple[Key, Fate]] = Counter()
        self.refused: Counter[tuple[str, int]] = Counter()
        self.rejected: Counter[tuple[Key, str]] = Counter()
        self.channels: dict[Key, list[Channel]] = {}

    def uses(self, feed: Feed, channel: Channel) -> None:
        """A channel is in use from now on."""
        self.channels.setdefault(key_of(feed), []).append(channel)

    def ended(self, feed: Feed, cause: str, offered: int, fates: Mapping[Fate, int]) -> None:
        """A stream ended, its subscription closed."""
        key = key_of(feed)
        self.closed[key, cause] += 1
        self.offered[key] += offered
        for fate, number in fates.items():
            self.fates[key, fate] += number
