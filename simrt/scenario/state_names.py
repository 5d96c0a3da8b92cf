"""The states that `reached(…)` knows: what can happen in a run, each in a sentence."""

from __future__ import annotations

from simrt.scenario.fault import FAULT_KINDS

STATES = {
    "drop-oldest": "a full queue lost its oldest event",
    "drop-newest": "a full queue refused a new event",
    "replay-refuses-new": "a queue full of replay refused a new event",
    "expired": "an event was too old: when it was to be taken, or when it was to be replayed",
    "expired-while-pending": "a take found an event that had become too old in the queue",
    "expired-at-take": "that event became too old in the very instant of the take",
    "replayed": "a new connection got at least one event of the past",
    "empty-history": "a connection began while there was nothing to replay",
    "replay-clipped-by-lastN": "lastN kept events out of a replay",
    "replay-clipped-by-maxAge": "maxAge kept events out of a replay",
    "replay-clipped-by-messageTTL": "messageTTL kept events out of a replay",
    "replay-clipped-by-bufferSize": "bufferSize kept events out of a replay",
    "sent-at-subscribe": "an event was sent in the instant in which a connection began",
    "restart-during-replay": "the server was killed while a replay was pending or in flight",
    "down": "a hook or job met a server that was down",
    "reconnect": "a client came back after it had been connected",
    "reconnect-while-open": "it came back while the server still held its old connection",
    "connection-lost": "a connection ended with events pending or in flight",
    "duplicate": "a client received an event that it had received before",
    "offline": "a client lost its network",
    "refused": "an attempt to connect failed",
    "gave-up": "a client was refused for good",
    "rejected": "what a hook or job would have sent did not fit its declared shape or size",
    **{name: kind.happens for name, kind in FAULT_KINDS.items()},
    "silent": "a client's network let nothing pass, and nobody was told",
    "denied": "the server ended a connection whose credentials had been revoked",
    "stalled": "the server ended a connection that accepted nothing for too long",
    "gone": "the server ended a connection that acknowledged nothing for too long",
    "watchdog": "a client dropped a connection on which nothing came for too long",
    "keepalive": "TCP keep-alive found a client's connection dead, and ended it",
    "untold": "a client believed to the end that it was connected, though the connection was dead",
    "unfinished": "the run ended with events pending or in flight",
    "forgotten-channel": "a channel without subscribers and unexpired history was used again",
}
