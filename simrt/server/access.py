"""Who may do what: permissions, credentials, and the two ways to be refused (SSE-4).

A credential is what stands after `Authorization: Bearer`: the secret of a `token:NAME`, or the JWT
of a `user`. A browser's EventSource cannot set a header, so a stream (and only a stream) also
accepts it in the cookie `simrt_credential`; set that cookie with `HttpOnly; Secure;
SameSite=Strict`. A hook never looks at cookies: another site could make a browser send them. No
credential is read from the address, because addresses end up in logs.

A credential has a name that is no secret: `user:SUBJECT` or `token:NAME`. By it it can be revoked,
and restored. A revoked `token:NAME` is revoked for everybody who shows that token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import jwt
from starlette.requests import cookie_parser

from simrt.errors import UsageError

COOKIE = "simrt_credential"
ALGORITHM = "HS256"
LEAST_SECRET_BYTES = 32
MOST_REVOKED = 100_000
# The end of the year 9999. What is beyond was meant in milliseconds, and would never expire.
_LAST_S = 253_402_300_799
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Permission = Mapping[str, Sequence[str]]
"""`public`, `user` or `token:NAME`, each with its methods."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What credentials are compared with; never shown, never logged.

    Attributes:
        jwt: the key of HS256, 32 bytes or more; empty where no endpoint is for users.
        tokens: project -> name -> secret.
    """

    jwt: str = field(default="", repr=False)
    tokens: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.jwt, str):
            raise UsageError("the JWT secret: write text")
        if self.jwt and len(self.jwt.encode()) < LEAST_SECRET_BYTES:
            raise UsageError(
                f"the JWT secret is too short for {ALGORITHM};"
                f" write {LEAST_SECRET_BYTES} bytes or more"
            )
        for project, tokens in self.tokens.items():
            if not isinstance(tokens, Mapping):
                raise UsageError(f"tokens of project {project}: write a mapping of name to secret")
            for name, secret in tokens.items():
                if not isinstance(secret, str) or not secret:
                    raise UsageError(
                        f"token {name} of project {project}: its secret is empty or no text"
                    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a credential names.

    Attributes:
        who: `user` or `token:NAME`, as permissions spell it.
        name: `user:SUBJECT` or `token:NAME`, by which it can be revoked.
        expires_s: when it ends, seconds since 1970 on the clock's calendar; None = never.
    """

    who: str
    name: str
    expires_s: float | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The permission is given.

    Attributes:
        expires_s: until when, seconds since 1970; None = for good.
        credential: the name of the credential that it rests on; empty where none was needed.
    """

    expires_s: float | None = None
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """The permission is refused: 401 (unknown) or 403 (known, but not allowed)."""

    status: int
    reason: str


def permission_of(permission: str | Permission, methods: Sequence[str]) -> Permission:
    """A permission as a mapping; a bare name is allowed all of an endpoint's methods.

    Raises:
        UsageError: for a name or a method that no permission has.
    """
    if not isinstance(permission, str | Mapping):
        raise UsageError(
            f"permission: found {permission!r}; write public, user or token:NAME, or a mapping of"
            " these to methods"
        )
    given = {permission: tuple(methods)} if isinstance(permission, str) else dict(permission)
    for who, allowed in given.items():
        if who not in ("public", "user") and not (who.startswith("token:") and who[6:]):
            raise UsageError(f"permission {who!r}: write public, user or token:NAME")
        if isinstance(allowed, str) or not allowed or set(allowed) - set(METHODS):
            raise UsageError(f"permission {who}: methods {allowed!r}; write some of {METHODS}")
    if not given:
        raise UsageError("an empty permission; write public, user or token:NAME")
    for method in methods:
        if not any(method in allowed for allowed in given.values()):
            raise UsageError(f"permission {given}: gives nobody {method}; name it for somebody")
    return given


def keyless(permission: Permission, project: str, secrets: Secrets) -> list[str]:
    """Who is named by a permission and has no secret: nobody can show that credential."""
    tokens = secrets.tokens.get(project, {})
    return [
        who
        for who in permission
        if (who == "user" and not secrets.jwt)
        or (who.startswith("token:") and who.removeprefix("token:") not in tokens)
    ]


def credential_of(headers: Mapping[str, str], *, cookies: bool) -> str | None:
    """The credential that a request carries, or None.

    Arguments:
        headers: names in lower case.
        cookies: whether the cookie counts; true for streams alone.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential.strip():
        return credential.strip()
    if cookies and "cookie" in headers:
        return cookie_parser(headers["cookie"]).get(COOKIE) or None
    return None


class Gate:
    """Judges credentials of one server.

    Arguments:
        secrets: what they are compared with.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._revoked: dict[tuple[str, str], None] = {}

    def revoke(self, project: str, credential: str) -> None:
        """From now on this credential is worth nothing (401); harmless when repeated.

        Streams that it opened are the server's to end: `Server.revoke`. A revocation lasts as long
        as the process: whoever keeps a list tells it to the next one before that listens.

        Arguments:
            project: where.
            credential: its name, `user:SUBJECT` (the `sub` of a JWT) or `token:NAME`.

        Raises:
            UsageError: for a name that is none, or more than `MOST_REVOKED` of them.
        """
        kind, colon, rest = credential.partition(":")
        if kind not in ("user", "token") or not colon or (kind == "token" and not rest):
            raise UsageError(f"credential {credential!r}: write user:SUBJECT or token:NAME")
        if len(self._revoked) >= MOST_REVOKED and (project, credential) not in self._revoked:
            raise UsageError(
                f"{MOST_REVOKED:,} credentials are revoked already; restore some, or change the"
                " secret that signs them"
            )
        self._revoked[project, credential] = None

    def restore(self, project: str, credential: str) -> None:
        """A revoked credential is good again; harmless when it was not revoked."""
        self._revoked.pop((project, credential), None)

    def judge(
        self,
        permission: Permission,
        method: str,
        project: str,
        credential: str | None,
        wall: datetime,
    ) -> Granted | Denied:
        """Decide one request, before the first byte of an answer (SSE-4).

        Arguments:
            permission: the endpoint's.
            method: the request's.
            project: whose endpoint it is: the audience that a JWT must name.
            credential: what `credential_of` found.
            wall: the clock's wall time; the machine's own date plays no part.
        """
        if method in permission.get("public", ()):
            return Granted()
        if credential is None:
            return Denied(401, "a credential is needed: Authorization: Bearer …")
        identity = self._identify(project, credential, wall)
        if identity is None or (project, identity.name) in self._revoked:
            return Denied(401, "the credential is not valid here, or has expired")
        if method in permission.get(identity.who, ()):
            return Granted(identity.expires_s, identity.name)
        return Denied(403, "the credential does not allow this")

    def _identify(self, project: str, credential: str, wall: datetime) -> Identity | None:
        offered = credential.encode("latin-1", "backslashreplace")  # the bytes that came
        found = None
        # Each secret is compared, in constant time: how long it takes tells nothing.
        for name, secret in self._secrets.tokens.get(project, {}).items():
            if hmac.compare_digest(secret.encode(), offered):
                found = name
        if found is not None:
            return Identity(f"token:{found}", f"token:{found}")
        return self._user(project, credential, wall) if self._secrets.jwt else None

    def _user(self, project: str, credential: str, wall: datetime) -> Identity | None:
        try:
            claims = jwt.decode(
                credential,
                self._secrets.jwt,
                algorithms=[ALGORITHM],
                audience=project,
                # The library asks the machine's date; ours is the clock's, checked below.
                options={
                    "require": ["exp", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return None
        now_s = wall.timestamp()
        expires_s, begins_s = claims["exp"], claims.get("nbf", now_s)
        if not _is_date(expires_s) or not _is_date(begins_s):
            return None
        if now_s >= expires_s or now_s < begins_s:
            return None
        return Identity("user", f"user:{claims.get('sub', '')}", expires_s)


def _is_date(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= _LAST_S  # type: ignore[operator]
