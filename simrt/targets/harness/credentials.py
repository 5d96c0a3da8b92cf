"""What clients and callers show: right credentials, and each wrong kind (SSE-4)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta

import jwt

from simrt.errors import UsageError
from simrt.scenario.model import Scenario, Sender

KINDS = ("none", "wrong", "expired", "other-project", "right")
_ALGORITHM = "HS256"
_DAY = timedelta(days=1)


def needed(permission: Mapping[str, Sequence[str]] | None, method: str) -> str:
    """What an endpoint asks for, as clients here show it: `public`, `user` or `token:NAME`."""
    allowed = [who for who, methods in (permission or {}).items() if method in methods]
    return "public" if not allowed or "public" in allowed else allowed[0]


class Credentials:
    """The secrets of one run, and the headers made from them.

    Arguments:
        plays: the scenario and its neighbour, each the other's other project.

    Attributes:
        secret: signs the JWTs.
        tokens: project -> name -> secret.
    """

    def __init__(self, plays: tuple[Scenario, Scenario]) -> None:
        self.secret = secrets.token_hex(32)
        self.tokens: dict[str, dict[str, str]] = {}
        self._other: dict[str, str] = {}
        main, neighbour = plays
        begin = main.starts
        run_ns = main.workload.duration_ns + main.server.quiet_ns
        self._expired = int((begin - _DAY).timestamp())
        self._valid = int((begin + _DAY + timedelta(microseconds=run_ns // 1000)).timestamp())
        for play, other in ((main, neighbour), (neighbour, main)):
            project = play.feature.project
            self._other[project] = other.feature.project
            permissions = [play.feature.stream.permission]
            permissions += [hook.permission or {} for hook in play.feature.hooks]
            names = [who.removeprefix("token:") for p in permissions for who in p if ":" in who]
            self.tokens[project] = {name: secrets.token_hex(16) for name in names}

    def headers(
        self,
        kind: str,
        project: str,
        permission: Mapping[str, Sequence[str]] | None,
        method: str,
        subject: str,
    ) -> tuple[tuple[str, str], ...]:
        """The headers that show credentials of this kind.

        Arguments:
            kind: one of `KINDS`.
            project: whose endpoint.
            permission: the endpoint's; None and `public` need nothing.
            method: the HTTP method.
            subject: who asks.
        """
        who = needed(permission, method)
        if kind == "none" or (kind == "right" and who == "public"):
            return ()
        if who.startswith("token:"):
            shown = self._token(kind, project, who.removeprefix("token:"), subject)
        else:
            shown = self._jwt(kind, project, subject)
        return (("Authorization", f"Bearer {shown}"),)

    def _token(self, kind: str, project: str, name: str, subject: str) -> str:
        if kind == "right":
            return self.tokens[project][name]
        if kind == "other-project":
            other = self.tokens[self._other[project]]
            # A project without a token of this name has none to show but a JWT.
            return other[name] if name in other else self._jwt(kind, project, subject)
        if kind == "expired":
            return self._jwt(kind, project, subject)  # tokens do not expire
        return secrets.token_hex(16)

    def _jwt(self, kind: str, project: str, subject: str) -> str:
        claims = {
            "sub": subject,
            "aud": self._other[project] if kind == "other-project" else project,
            "exp": self._expired if kind == "expired" else self._valid,
        }
        secret = secrets.token_hex(32) if kind == "wrong" else self.secret
        return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def refuse_denials(scenario: Scenario) -> None:
    """Refuse a scenario whose fault `deny` no real server can carry out.

    Raises:
        UsageError: naming the fault.
    """
    for index, fault in enumerate(scenario.faults):
        if fault.kind == "deny":
            _refuse_denial(scenario, f"faults[{index}].deny")


def _refuse_denial(scenario: Scenario, key: str) -> None:
    """A real server revokes credentials, and a token is one credential for all who show it.

    Raises:
        UsageError: where nothing can be revoked, or not for this group alone.
    """
    feature, groups = scenario.feature, scenario.workload.subscribers
    who = needed(feature.stream.permission, "GET")
    if who == "public":
        raise UsageError(
            f"{key}: the stream is public, so there is no credential to revoke: write permission"
            " user, or run the scenario on sim"
        )
    shown_by = [f"group {name}" for name in groups]
    shown_by += [f"hook {hook.hook}" for hook in feature.hooks if _asks(hook, who)]
    if who != "user" and len(shown_by) > 1:
        raise UsageError(
            f"{key}: a real server can revoke {who} only for all who show it, that is"
            f" {', '.join(shown_by)}: write permission user for the stream"
        )


def _asks(hook: Sender, who: str) -> bool:
    return needed(hook.permission, hook.method) == who
