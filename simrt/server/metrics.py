"""Metrics in the format of Prometheus, read from the server when somebody asks.

Nothing is counted on the way of a message: the engine's own counts of the open streams are read,
and added to what the tally kept of those that ended. They are exact at every reading: a drop is
counted as if at the send that caused it (PUB-4). Offered is always the sum of taken, dropped,
expired, discarded and pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simrt.server.tally import key_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from simrt.server.server import Server
    from simrt.server.stream import Stream
    from simrt.server.tally import Key

_FEED = ("project", "channel")


@dataclass(frozen=True, slots=True)
class Description:
    """One metric.

    Attributes:
        name: without `_total`, which a counter gets.
        kind: `counter` or `gauge`.
        help: a sentence.
        labels: the names of its labels.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Description("simrt_connections", "gauge", "Open connections, streams included."),
    Description("simrt_streams", "gauge", "Open streams.", _FEED),
    Description("simrt_streams_opened", "counter", "Streams that began.", _FEED),
    Description(
        "simrt_streams_closed",
        "counter",
        "Streams that ended, and why: `stalled` and `gone` are clients that did not read.",
        (*_FEED, "cause"),
    ),
    Description(
        "simrt_streams_waiting",
        "gauge",
        "Open streams whose connection accepts nothing while something waits: stalled just now.",
        _FEED,
    ),
    Description(
        "simrt_refused",
        "counter",
        "Requests that got no more than a status; no project where no endpoint was found; status 0:"
        " a connection too many, ended without a word.",
        ("project", "status"),
    ),
    Description(
        "simrt_calls", "counter", "Calls of a hook, firings of a job.", ("project", "sender")
    ),
    Description("simrt_sends", "counter", "Messages sent.", _FEED),
    Description(
        "simrt_rejects",
        "counter",
        "Events that were not sent: `shape` (undeclared, or not as declared) or `event` (no JSON,"
        " too large).",
        (*_FEED, "cause"),
    ),
    Description(
        "simrt_offered", "counter", "Messages offered to a stream: replay and sends.", _FEED
    ),
    Description("simrt_taken", "counter", "Offered messages that were written.", _FEED),
    Description(
        "simrt_dropped",
        "counter",
        "Offered messages that a full buffer lost.",
        (*_FEED, "cause"),
    ),
    Description("simrt_expired", "counter", "Offered messages that waited too long.", _FEED),
    Description(
        "simrt_discarded", "counter", "Offered messages that waited when their stream ended.", _FEED
    ),
    Description("simrt_pending", "gauge", "Offered messages that wait now.", _FEED),
    Description("simrt_channels", "gauge", "Channels in use of this declaration.", _FEED),
    Description(
        "simrt_held_messages", "gauge", "Messages held, for replay or for somebody.", _FEED
    ),
    Description(
        "simrt_memory_bytes", "gauge", "Type and data of the messages held, each once.", _FEED
    ),
)

_CAUSES = {"dropped-oldest": "drop-oldest", "dropped-newest": "drop-newest"}

Samples = dict[tuple[str, ...], int]


class Collector:
    """Reads one server; prometheus-client asks it.

    Arguments:
        server: which.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        """All metrics, each with its samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        read = self.read()
        for each in METRICS:
            family = CounterMetricFamily if each.kind == "counter" else GaugeMetricFamily
            metric = family(each.name, each.help, labels=each.labels)
            for labels, value in read[each.name].items():
                metric.add_metric(labels, value)
            yield metric

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register it is not to read it."""
        return ()

    def read(self) -> dict[str, Samples]:
        """Every sample by metric and labels."""
        server, tally = self._server, self._server.tally
        read: dict[str, Samples] = {each.name: {} for each in METRICS}
        read["simrt_connections"][()] = len(server.connections)
        for feed in server.site.feeds:  # what was declared is there before anything happens
            for each in METRICS:
                if each.labels == _FEED:
                    read[each.name][key_of(feed)] = 0
        self._read_streams(read)
        for key, number in tally.opened.items():
            read["simrt_streams_opened"][key] = number
        for (key, cause), number in tally.closed.items():
            read["simrt_streams_closed"][*key, cause] = number
        for (project, status), number in tally.refused.items():
            read["simrt_refused"][project, str(status)] = number
        for (key, cause), number in tally.rejected.items():
            read["simrt_rejects"][*key, cause] = number
        for sender, number in server.calls.items():
            read["simrt_calls"][sender.project, sender.sender] = number
        for key, channels in tally.channels.items():
            read["simrt_channels"][key] = len(channels)
            read["simrt_sends"][key] = sum(channel.last_seq for channel in channels)
            read["simrt_held_messages"][key] = sum(channel.held for channel in channels)
            read["simrt_memory_bytes"][key] = sum(channel.memory_bytes for channel in channels)
        return read

    def _read_streams(self, read: dict[str, Samples]) -> None:
        tally = self._server.tally
        offered, fates = Counter(tally.offered), Counter(tally.fates)
        of_feed: dict[Key, list[Stream]] = {}
        for stream, endpoint in self._server.streams.items():
            of_feed.setdefault(key_of(endpoint.feed), []).append(stream)
        for key, streams in of_feed.items():
            read["simrt_streams"][key] = len(streams)
            read["simrt_streams_waiting"][key] = sum(stream.waiting for stream in streams)
            offered[key] += sum(stream.subscription.offered for stream in streams)
            found = [stream.subscription.fates for stream in streams]
            for fate in found[0]:
                fates[key, fate] += sum(each[fate] for each in found)
        for key, number in offered.items():
            read["simrt_offered"][key] = number
        for (key, fate), number in fates.items():
            if fate in _CAUSES:
                if number:
                    read["simrt_dropped"][*key, _CAUSES[fate]] = number
            else:
                read[f"simrt_{fate}"][key] = number


def exposition(server: Server, accept: str) -> tuple[bytes, str]:
    """What a scrape gets, and its content type.

    Arguments:
        server: whose metrics; each has a registry of its own.
        accept: the request's `Accept`.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(server))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
