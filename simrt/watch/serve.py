"""From scenario files to a running server with its page, until somebody ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from simrt.clock import live_clock
from simrt.errors import UsageError
from simrt.scenario.model import Scenario
from simrt.server import Site
from simrt.server.access import Permission
from simrt.server.logs import FORMATS, log_to
from simrt.server.serving import raise_file_limit, stopped_by_signals
from simrt.watch.session import Session
from simrt.watch.together import Moved, together

METRICS, HEALTH = "/metrics", "/_health"


def serve_scenarios(
    scenarios: Sequence[Scenario],
    say: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    speed: float = 1.0,
    log_format: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve what scenarios declare until SIGINT or SIGTERM, then end in an orderly way.

    Arguments:
        scenarios: one or more; what contradicts those before it gets a project of its own.
        say: takes each line that a person should read.
        host: where to listen; beyond loopback only on purpose.
        port: 0 lets the system choose.
        speed: scenario seconds per real second, above 0.
        log_format: `text` or `json`: a line for each stream and request goes to stderr; None: only
            what went wrong, as text.
        on_ready: told the page's address once it can be opened.

    Raises:
        UsageError: where there is no scenario, or one contradicts itself.
        TargetError: where it cannot listen, also after a restart.
    """
    if log_format not in (None, *FORMATS):
        raise UsageError(f"--log-format {log_format}: write {' or '.join(FORMATS)}")
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "an event loop runs in this thread already; call serve_scenarios in another one:"
            " threading.Thread(target=serve_scenarios, args=(scenarios, print)).start()"
        )
    site, served, moves = together(scenarios)
    site.metrics(METRICS, permission="public")
    site.health(HEALTH)
    raise_file_limit()
    if log_format is None:
        log_to("text", level=logging.WARNING)
    else:
        log_to(log_format)
    asyncio.run(_serve(served, moves, site, say, host, port, speed, on_ready))


async def _serve(
    scenarios: Sequence[Scenario],
    moves: Sequence[Moved | None],
    site: Site,
    say: Callable[[str], None],
    host: str,
    port: int,
    speed: float,
    on_ready: Callable[[str], None] | None,
) -> None:
    stop = asyncio.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    session = Session(scenarios, moves, site, live_clock(speed), host, port, fail)
    with stopped_by_signals(stop):
        await session.start()
        page = f"{address(session)}/#{session.key}"
        for line in welcome(session, page):
            say(line)
        if on_ready is not None:
            on_ready(page)
        await stop.wait()
        await session.stop()
    if failures:
        raise failures[0]


def address(session: Session) -> str:
    """Where it can be reached from this machine."""
    host, port = session.here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def welcome(session: Session, page: str) -> list[str]:
    """What a person is told at the start: the address, what is served, how to try it."""
    lines = [f"Page:  {page}", ""]
    url = address(session)
    for scenario, moved in zip(session.scenarios, session.moves, strict=True):
        feature = scenario.feature
        base = f"{url}/{feature.project}"
        lines.append(f"{scenario.title}")
        if moved is not None:
            lines.append(f"  as project {feature.project}, though its file says {moved.written}:")
            lines.append(f"  {moved.reason}")
        who = _who(feature.stream.permission, "GET")
        lines.append(f"  stream  GET {base}{feature.stream.path}  ({who})")
        for hook in feature.hooks:
            who = _who(hook.permission or {}, hook.method)
            lines.append(f"  hook    {hook.method} {base}{hook.path}  ({who}) sends {hook.sends}")
        lines += [f"  job     {job.job} sends {job.sends}" for job in feature.jobs]
        lines.append("")
    if session.badges.all:
        lines.append("Credentials for trying it. They were made for this run and end with it:")
        width = max(len(f"{each.who} of {each.project}") for each in session.badges.all)
        for badge in session.badges.all:
            lines.append(f"  {f'{badge.who} of {badge.project}':{width}}  {badge.secret}")
        lines.append("")
    lines += [f"Metrics: {url}{METRICS}   Health: {url}{HEALTH}"]
    lines += _try(session, url)
    lines.append("Ctrl-C ends it.")
    return lines


def _who(permission: Permission, method: str) -> str:
    return ", ".join(who for who, methods in permission.items() if method in methods)


def _try(session: Session, url: str) -> list[str]:
    """A command that reads the first stream."""
    feature = session.scenarios[0].feature
    secret = session.badges.secret_for(feature.project, feature.stream.permission, "GET")
    shown = "" if secret is None else f" -H 'Authorization: Bearer {secret}'"
    return [f"Try:   curl -N{shown} {url}/{feature.project}{feature.stream.path}", ""]
