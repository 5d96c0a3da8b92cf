"""A site: which streams, hooks and jobs one server offers, for which projects.

Declared in Python, or compiled from scenarios (`simrt.server.compiled`). Pure data and handlers:
no clock, no sockets. Nothing but hooks and jobs sends (HOK-1), and no endpoint exposes a channel
that was not declared (SSE-3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from simrt.engine import ChannelOptions, ReplayOptions
from simrt.errors import UsageError
from simrt.scenario.arrivals import job_times
from simrt.scenario.model import Sender
from simrt.scenario.schedules import schedule_allowed
from simrt.server.access import Permission, permission_of
from simrt.server.call import Handler, Params
from simrt.server.declared import Endpoint, Feed, Hook, Job, Pattern, StreamEndpoint
from simrt.server.origins import origins_of
from simrt.server.settings import StreamSettings
from simrt.server.signs import Sign, sign_of

_PROJECT = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_PATH = re.compile(r"/[A-Za-z0-9_\-./{}]*")

_H = TypeVar("_H", bound=Handler)


@dataclass(slots=True)
class _Place:
    """One path of a project, and what answers to each method there."""

    matcher: re.Pattern[str]
    methods: dict[str, Endpoint]


class Site:
    """The streams, hooks and jobs of one server.

    Arguments:
        project: the project of what is declared without one.
    """

    def __init__(self, project: str | None = None) -> None:
        self._project = project
        self.feeds: list[Feed] = []
        self.streams: list[StreamEndpoint] = []
        self.hooks: list[Hook] = []
        self.jobs: list[Job] = []
        self.signs: dict[str, Sign] = {}
        self._places: dict[str, dict[str, _Place]] = {}

    # --- declaring ----------------------------------------------------------------------------

    def stream(
        self,
        path: str,
        *,
        channel: str,
        permission: str | Permission,
        events: Mapping[str, dict[str, Any]],
        replay: ReplayOptions | None = None,
        options: ChannelOptions | None = None,
        settings: StreamSettings | None = None,
        limit: int | None = None,
        origins: Sequence[str] = (),
        project: str | None = None,
    ) -> StreamEndpoint:
        """Declare a subscription endpoint, `GET /{project}{path}` (SSE-3).

        Arguments:
            path: begins with `/`; parameters in braces, such as `/rooms/{room}`.
            channel: the channel's name, fixed or from the path's parameters: `room-{room}`.
            permission: `public`, `user` or `token:NAME`; or a mapping of these to methods.
            events: type -> JSON Schema of its data (SSE-7).
            replay: what a new subscription gets first.
            options: the channel's options; None = defaults, undecided.
            settings: heartbeat and deadlines of the feature's streams.
            limit: most open streams here; None = the server's own limit.
            origins: whose pages may read it beside the server's own, such as
                `https://app.example`; `*` where it is public (CORS).
            project: the project; default the site's.

        Raises:
            UsageError: for a declaration that contradicts itself or another one.
        """
        name = self._project_of(project)
        where = self._path_of(path)
        for given, kind in (
            (replay, ReplayOptions),
            (options, ChannelOptions),
            (settings, StreamSettings),
        ):
            if given is not None and not isinstance(given, kind):
                raise UsageError(f"stream {path}: found {given!r}; write {kind.__name__}(…)")
        if limit is not None and (not isinstance(limit, int) or limit < 0):
            raise UsageError(f"stream {path}: limit {limit!r}; write a whole number, 0 or more")
        pattern = Pattern(channel)
        missing = [each for each in pattern.names if each not in where.names]
        if missing:
            raise UsageError(f"stream {path}: channel {channel!r} needs {missing} in the path")
        feed = self._feed(name, pattern, events, options, settings)
        permitted = permission_of(permission, ("GET",))
        endpoint = StreamEndpoint(
            feed,
            where,
            permitted,
            replay or ReplayOptions(),
            limit,
            origins_of(origins, public="GET" in permitted.get("public", ())),
        )
        self._place(name, "GET", where, endpoint)
        self.streams.append(endpoint)
        return endpoint

    def hook(
        self,
        method: str,
        path: str,
        *,
        permission: str | Permission,
        sends: Sequence[str],
        channel: str | None = None,
        origins: Sequence[str] = (),
        project: str | None = None,
    ) -> Callable[[_H], _H]:
        """Declare a hook, `METHOD /{project}{path}`; decorates its handler (HOK-1).

        Arguments:
            method: POST, PUT, PATCH or DELETE.
            path: as for `stream`.
            permission: as for `stream`, with the hook's own methods.
            sends: the event types that its handler may send, one or more.
            channel: which channel, as declared, where several carry these types.
            origins: as for `stream`.
            project: the project; default the site's.
        """
        name = self._project_of(project)
        where = self._path_of(path)
        if method not in ("POST", "PUT", "PATCH", "DELETE"):
            raise UsageError(f"hook {method} {path}: write POST, PUT, PATCH or DELETE")
        _sends_of(f"hook {method} {path}", sends)
        permitted = permission_of(permission, (method,))
        pages = origins_of(origins, public=method in permitted.get("public", ()))

        def declare(handler: _H) -> _H:
            hook = Hook(name, method, where, permitted, tuple(sends), channel, handler, pages)
            self._place(name, method, where, hook)
            self.hooks.append(hook)
            return handler

        return declare

    def job(
        self,
        schedule: str,
        *,
        sends: Sequence[str],
        timezone: str = "UTC",
        channel: str | None = None,
        project: str | None = None,
    ) -> Callable[[_H], _H]:
        """Declare a job; decorates its handler (HOK-1, HOK-3).

        Arguments:
            schedule: a five-field cron expression, or an interval such as `30s`.
            sends: the event types that its handler may send, one or more.
            timezone: whose clock a cron expression means.
            channel: which channel, as declared, where several carry these types.
            project: the project; default the site's.
        """
        name = self._project_of(project)
        _sends_of(f"job {schedule}", sends)
        allowed = schedule_allowed(schedule)
        if allowed:
            raise UsageError(f"job {schedule!r}: write {allowed}")
        try:
            timed = Sender.model_validate(
                {"job": schedule, "timezone": timezone, "sends": sends[0]}
            )
            next(job_times(timed, datetime(2026, 1, 1, tzinfo=UTC), 0, 2**62), None)
        except (ValidationError, ValueError, LookupError, OSError):
            raise UsageError(
                f"job {schedule}: timezone {timezone!r}; write the name of a time zone, such as UTC"
                " or Europe/Berlin"
            ) from None

        def declare(handler: _H) -> _H:
            self.jobs.append(Job(name, timed, tuple(sends), channel, handler))
            return handler

        return declare

    def metrics(
        self,
        path: str = "/metrics",
        *,
        permission: str | Permission,
        project: str | None = None,
    ) -> None:
        """Declare where Prometheus may read; it shows the names of all projects and channels.

        Arguments:
            path: one segment, beside the projects.
            permission: as for `stream`.
            project: whose credentials count; default the site's.
        """
        self._sign(sign_of("metrics", path, permission, project or self._project))

    def health(self, path: str = "/_health") -> None:
        """Declare where anybody may ask whether it serves: 200, or 503 while it ends."""
        self._sign(sign_of("health", path, "public", None))

    # --- asking -------------------------------------------------------------------------------

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects, in order of declaration."""
        names = [feed.project for feed in self.feeds] + [hook.project for hook in self.hooks]
        return tuple(dict.fromkeys(names + [job.project for job in self.jobs]))

    def find(self, path: str) -> tuple[dict[str, Endpoint], Params] | None:
        """What answers at a path: endpoints by method, and the path's parameters."""
        if path in self.signs:
            return {"GET": self.signs[path]}, {}
        project, slash, rest = path.removeprefix("/").partition("/")
        places = self._places.get(project)
        if places is None:
            return None
        rest = slash + rest
        if rest in places and not Pattern(rest).names:
            return places[rest].methods, {}
        for place in places.values():
            match = place.matcher.fullmatch(rest)
            if match is not None:
                return place.methods, match.groupdict()
        return None

    def feed_for(self, sender: Hook | Job, event: str) -> Feed:
        """Where an event of a hook or a job goes.

        Raises:
            UsageError: where no feed of its project, or more than one, declares the type.
        """
        what = f"{sender.sender} of project {sender.project}"
        found = [
            feed
            for feed in self.feeds
            if feed.project == sender.project
            and event in feed.schemas
            and sender.channel in (None, feed.channel.text)
        ]
        if not found:
            raise UsageError(f"{what} sends {event!r}, which no stream there declares")
        if len(found) > 1:
            raise UsageError(f"{what}: several channels carry {event!r}; say which: channel=…")
        return found[0]

    def check(self) -> None:
        """Judge the declarations together; the server does so before it starts.

        Raises:
            UsageError: for a hook or job whose events have no channel, or no single one.
        """
        senders: list[Hook | Job] = [*self.hooks, *self.jobs]
        for sender in senders:
            for event in sender.sends:
                self.feed_for(sender, event)

    # --- inside -------------------------------------------------------------------------------

    def _sign(self, sign: Sign) -> None:
        if sign.path in self.signs:
            raise UsageError(f"GET {sign.path} is declared twice")
        self.signs[sign.path] = sign

    def _project_of(self, project: str | None) -> str:
        name = project or self._project
        if name is None or not _PROJECT.fullmatch(name):
            raise UsageError(f"project {name!r}: write 1 to 64 of A-Z a-z 0-9 _ -")
        return name

    def _path_of(self, path: str) -> Pattern:
        pattern = Pattern(path)
        plain = pattern.bare
        if not _PATH.fullmatch(path) or "{" in plain or "}" in plain:
            raise UsageError(f"path {path!r}: write /, letters, digits, _ - . and {{name}}")
        if len(set(pattern.names)) < len(pattern.names):
            raise UsageError(f"path {path!r}: a parameter stands there twice")
        return pattern

    def _place(self, project: str, method: str, path: Pattern, endpoint: Endpoint) -> None:
        places = self._places.setdefault(project, {})
        place = places.setdefault(path.text, _Place(path.matcher(), {}))
        if method in place.methods:
            raise UsageError(f"{method} /{project}{path.text} is declared twice")
        place.methods[method] = endpoint

    def _feed(
        self,
        project: str,
        channel: Pattern,
        events: Mapping[str, dict[str, Any]],
        options: ChannelOptions | None,
        settings: StreamSettings | None,
    ) -> Feed:
        if not events or not isinstance(events, Mapping):
            raise UsageError(
                f"channel {channel.text}: declare at least one event type, with a JSON Schema of"
                ' its data: {"changed": {"type": "object"}} (SSE-7)'
            )
        feed = Feed(project, channel, options, settings or StreamSettings(), dict(events))
        for other in self.feeds:
            if (other.project, other.channel) != (project, channel):
                continue
            if (other.options, other.settings, other.schemas) != (
                feed.options,
                feed.settings,
                feed.schemas,
            ):
                raise UsageError(
                    f"channel {channel.text} of project {project} is declared twice, with other"
                    " options, settings or events; declare these once per feature (SSE-7)"
                )
            return other
        self.feeds.append(feed)
        return feed


def _sends_of(what: str, sends: Sequence[str]) -> None:
    if not sends or isinstance(sends, str):
        raise UsageError(
            f'{what}: found sends={sends!r}; name the event types that it sends: sends=["changed"]'
        )
