"""Credentials for trying a site: made for one run, worth nothing after it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt

from simrt.scenario.model import Scenario
from simrt.server.access import ALGORITHM, Permission, Secrets

USER = "user"
_SUBJECT = "you"
_VALID = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Badge:
    """One credential.

    Attributes:
        project: where it counts.
        who: `user` or `token:NAME`, as permissions spell it.
        secret: what stands after `Authorization: Bearer`.
    """

    project: str
    who: str
    secret: str = field(repr=False)


class Badges:
    """One credential for each name that the scenarios' permissions mention.

    Arguments:
        scenarios: whose.
        now: the clock's wall time; a user's credential ends a year after it.

    Attributes:
        all: the credentials, in order of appearance.
        secrets: what the server compares them with.
    """

    def __init__(self, scenarios: Sequence[Scenario], now: datetime) -> None:
        key = secrets.token_hex(32)
        ends = int((now + _VALID).timestamp())
        tokens: dict[str, dict[str, str]] = {}
        self.all: list[Badge] = []
        for project, who in _named(scenarios):
            if who == USER:
                claims = {"sub": _SUBJECT, "aud": project, "exp": ends}
                shown = jwt.encode(claims, key, algorithm=ALGORITHM)
            else:
                shown = secrets.token_urlsafe(18)
                tokens.setdefault(project, {})[who.removeprefix("token:")] = shown
            self.all.append(Badge(project, who, shown))
        self.secrets = Secrets(key, tokens)

    def secret_for(self, project: str, permission: Permission, method: str) -> str | None:
        """What opens an endpoint; None where nothing is needed."""
        if method in permission.get("public", ()):
            return None
        return next(
            badge.secret
            for badge in self.all
            if badge.project == project and method in permission.get(badge.who, ())
        )

    def headers(
        self, project: str, permission: Permission, method: str
    ) -> tuple[tuple[str, str], ...]:
        """The same as request headers."""
        secret = self.secret_for(project, permission, method)
        return () if secret is None else (("Authorization", f"Bearer {secret}"),)


def _named(scenarios: Sequence[Scenario]) -> dict[tuple[str, str], None]:
    found: dict[tuple[str, str], None] = {}
    for scenario in scenarios:
        feature = scenario.feature
        permissions = [feature.stream.permission]
        permissions += [hook.permission or {} for hook in feature.hooks]
        for permission in permissions:
            found.update({(feature.project, who): None for who in permission if who != "public"})
    return found
