"""What the page is told: once, what is served; then, again and again, how things are."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from simrt.checkers.observed import OVER_RUNS
from simrt.metrics import MISSED
from simrt.report import palette
from simrt.report.feature import settings, who_may
from simrt.scenario.events import payload, render
from simrt.scenario.model import Publish, Scenario, Sender
from simrt.watch.clients import Loopback, Watched
from simrt.watch.ledger import CODES
from simrt.watch.orders import MOST_DRAIN_MS, MOST_TIMES

if TYPE_CHECKING:
    from simrt.server.server import OpenCount
    from simrt.watch.session import Session
    from simrt.watch.together import Moved

# How many of a client's newest events its strip shows.
CELLS = 120


def hello(session: Session) -> dict[str, Any]:
    """What does not change while the session lasts."""
    return {
        "features": [
            _feature(each, moved, session)
            for each, moved in zip(session.scenarios, session.moves, strict=True)
        ],
        "outcomes": [
            {"name": look.name, "label": look.label, "meaning": look.meaning, "mark": look.mark}
            for look in (palette.RECEIVED, *palette.MISSED)
        ],
        "codes": CODES,
        "missed": MISSED,
        "cells": CELLS,
        "most_times": MOST_TIMES,
        "most_drain_ms": MOST_DRAIN_MS,
    }


def _feature(scenario: Scenario, moved: Moved | None, session: Session) -> dict[str, Any]:
    feature = scenario.feature
    return {
        "title": scenario.title,
        "question": scenario.question,
        "expect": list(scenario.expect),
        "expect_note": f"Not judged on this page; {OVER_RUNS}.",
        "project": feature.project,
        "written_project": feature.project if moved is None else moved.written,
        "channel": feature.channel,
        "path": f"/{feature.project}{feature.stream.path}",
        "permission": who_may(feature.stream.permission),
        "settings": [asdict(each) for each in settings(scenario)],
        "buffer_size": feature.options.buffer_size,
        "useful_for_ns": scenario.intent.useful_for_ns,
        "events": list(feature.events),
        "hooks": [
            {
                "name": f"{hook.method} /{feature.project}{hook.path}",
                "sends": hook.sends,
                "data": _example(scenario, hook, session),
            }
            for hook in feature.hooks
        ],
        "jobs": [{"name": job.job, "sends": job.sends} for job in feature.jobs],
        "has_workload": bool(scenario.workload.publish),
    }


def _example(scenario: Scenario, hook: Sender, session: Session) -> str:
    """What the form offers: the hook's own data or example, else what the workload sends."""
    publish = [each for each in scenario.workload.publish if each.event == hook.sends]
    entries: tuple[Sender | Publish, ...] = (hook, *publish)
    for entry in entries:
        with contextlib.suppress(LookupError):
            data = render(payload(scenario.feature, entry), 1, session.clock.wall())
            return json.dumps(data, ensure_ascii=False)
    return "null"


def state(session: Session) -> dict[str, Any]:
    """How things are now."""
    server = session.server
    counts = {} if server is None else {each.who.subscriber: each for each in server.counts()}
    now = session.clock.now()
    return {
        "now_ns": now,
        "wall": session.clock.wall().isoformat(timespec="seconds"),
        "epoch": "" if server is None else server.hub.epoch,
        "life": session.lives,
        "playing": session.playing,
        "others": sum(name not in session.clients for name in counts),
        "memory_bytes": 0 if server is None else server.hub.memory_bytes,
        "sent": [_sent(session, each) for each in session.scenarios],
        "clients": [
            _client(session, each, counts.get(each.name), now) for each in session.clients.values()
        ],
    }


def _sent(session: Session, scenario: Scenario) -> int:
    return session.ledger.sent(scenario.feature.project, scenario.feature.channel)


def _client(session: Session, client: Watched, count: OpenCount | None, now: int) -> dict[str, Any]:
    member = session.ledger.members.get(client.name)
    stalled = isinstance(client, Loopback) and client.client.stalled
    told: dict[str, Any] = {
        "name": client.name,
        "kind": client.kind,
        "feature": client.feature,
        "state": "away" if isinstance(client, Loopback) and client.away else client.state,
        "stalled": stalled,
        "drain_ms": client.drain_ns // 1_000_000 if isinstance(client, Loopback) else 0,
        "lines": [asdict(line) for line in client.lines],
        "pending": 0 if count is None else count.fates["pending"],
        "engine": None if count is None else {"offered": count.offered, **count.fates},
    }
    if member is not None:
        counts = member.counts
        told |= {
            "sent": sum(counts.values()),
            "counts": counts,
            "missed": sum(counts[name] for name in MISSED),
            "duplicates": member.duplicates,
            "earlier": member.earlier,
            "in_flight": member.in_flight,
            "in_flight_max": member.in_flight_max,
            "age_ns": None if member.newest_ns is None else now - member.newest_ns,
            "behind": member.behind,
            "cells": [
                (number, CODES.index(code), int(replayed))
                for number, code, replayed in member.latest(CELLS)
            ],
        }
    return told
