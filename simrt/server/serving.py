"""From a site to a listening socket, and from a signal to an orderly end."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from simrt.clock import RealClock
from simrt.errors import TargetError
from simrt.server.accepting import RESERVE
from simrt.server.access import Secrets, keyless
from simrt.server.declared import Endpoint
from simrt.server.recorder import Recording
from simrt.server.retries import Share
from simrt.server.server import Server
from simrt.server.settings import Limits
from simrt.server.site import Site

log = logging.getLogger("simrt.server")

# Beside the connections: the listening socket, the loop's own, a record, libraries' files.
_OTHER_FILES = 64
_LEAST_CONNECTIONS = 16


def bind(host: str, port: int, sndbuf_bytes: int | None = None) -> socket.socket:
    """A bound TCP socket that does not listen yet.

    Arguments:
        host: an address, or a name that has one.
        port: 0 to 65535; 0 lets the system choose.
        sndbuf_bytes: SO_SNDBUF, which accepted connections inherit; None leaves the system's.

    Raises:
        TargetError: where that is not possible; a port in use is named.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sets TCP_NODELAY only where it is, and without that each answer
    # on a kept connection waits for a delayed acknowledgement (40 ms).
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sndbuf_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf_bytes)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise _no_port(host, port, error) from error
    sock.setblocking(False)
    return sock


def listening(sock: socket.socket) -> socket.socket:
    """Let a bound socket listen.

    Raises:
        TargetError: where somebody else listens there already.
    """
    host, port = sock.getsockname()[:2]
    try:
        sock.listen(4096)
    except OSError as error:
        sock.close()
        raise _no_port(host, port, error) from error
    return sock


def _no_port(host: str, port: int, error: Exception) -> TargetError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return TargetError(f"port {port} of {host} is in use; choose another, or 0 for any")
    return TargetError(f"cannot listen on port {port} of {host}: {error}")


def raise_file_limit() -> int:
    """Allow as many open files, and so connections, as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def within_files(limits: Limits, most_files: int) -> Limits:
    """Limits that the open files of this process can keep: each connection is one.

    Arguments:
        limits: what is wanted.
        most_files: how many files may be open; below 0 means any number.

    Raises:
        TargetError: where these are too few for anything.
    """
    room = most_files - _OTHER_FILES - RESERVE
    if most_files < 0 or limits.connections + limits.turned_away <= room:
        return limits
    # Who is told that there is no room needs it for a moment; who is served, for hours.
    turned_away = min(limits.turned_away, max(1, room // 10))
    connections = min(limits.connections, room - turned_away)
    if connections < _LEAST_CONNECTIONS:
        least = _OTHER_FILES + RESERVE + _LEAST_CONNECTIONS + 1
        raise TargetError(
            f"at most {most_files} open files, too few to serve anybody; allow {least} or more:"
            " ulimit -n, or LimitNOFILE of systemd"
        )
    log.warning(
        "at most %d open files: connections are limited to %d instead of %d, and those that are"
        " told so to %d; raise it with ulimit -n, or LimitNOFILE of systemd",
        most_files,
        connections,
        limits.connections,
        turned_away,
    )
    return replace(limits, connections=connections, turned_away=turned_away)


def warn_of_keyless(site: Site, secrets: Secrets) -> None:
    """Log what nobody can ever show: a permission whose secret is missing is always 401."""
    endpoints: list[Endpoint] = [*site.streams, *site.hooks, *site.signs.values()]
    found = {
        (endpoint.project, who): None
        for endpoint in endpoints
        for who in keyless(endpoint.permission, endpoint.project, secrets)
    }
    for project, who in found:
        wanted = "jwt" if who == "user" else "tokens"
        log.warning(
            "project %s lets %s in, but Secrets has no %s for it: always 401", project, who, wanted
        )


async def serve(
    site: Site,
    clock: RealClock,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    secrets: Secrets | None = None,
    limits: Limits | None = None,
    epoch: str | None = None,
    share: Share | None = None,
    recorder: Recording | None = None,
    on_listening: Callable[[Server, int], None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve a site until SIGTERM, SIGINT or its task's cancellation, then end in an orderly way.

    In another thread than the main one no signal comes: cancel its task.

    Arguments:
        site: what is served.
        clock: its time; `live_clock()` for people.
        host: where to listen.
        port: 0 lets the system choose.
        secrets: what credentials are compared with.
        limits: bounds.
        epoch: the life's name; None draws it.
        share: the draws of `retry`; None takes the operating system's.
        recorder: takes a history's rows.
        on_listening: called with the server and its port once it listens.
        tls: certificate and key; None speaks plain HTTP.

    Raises:
        TargetError: where it cannot listen.
    """
    limits = within_files(limits or Limits(), raise_file_limit())
    sock = listening(bind(host, port, limits.sndbuf_bytes))
    server = Server(
        site,
        clock,
        secrets_=secrets,
        epoch=epoch,
        share=share,
        limits=limits,
        recorder=recorder,
    )
    warn_of_keyless(site, secrets or Secrets())
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        try:
            await server.listen(sock, tls=tls)
            log.info("listening on %s, port %d", *sock.getsockname()[:2])
            if on_listening is not None:
                on_listening(server, sock.getsockname()[1])
            await stop.wait()
        finally:
            await server.shut_down()


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event; in the main thread, since no other one gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
