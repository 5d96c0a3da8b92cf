"""The codes of all checks: what `outcome` may name beside lines of `expect`."""

from __future__ import annotations

CODES = (
    # what a run is held to
    "permission", "isolation", "shape", "loss", "expiry", "replay", "accounting", "reached",
    "order", "reconnect", "restart", "faults",
    # what the file and the figures are held to
    "settings", "stale", "site",
    # ways to misuse a channel
    "store-in-disguise", "sensitive-data", "whole-document", "catch-all-channel",
    "raw-event-hose",
    "private-in-public", "contradictory-settings", "oversized-buffer",
)  # fmt: skip
