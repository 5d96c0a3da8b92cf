"""Which pages of other sites may read an endpoint's answers: none, unless it says so (CORS).

A browser keeps an answer from a page of another origin until the answer itself allows that origin.
Nothing here decides who may do what: that is the permission's work (`simrt.server.access`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simrt.errors import UsageError

_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(?::[1-9][0-9]{0,4})?|https?://\[[0-9a-f:]+\](?::\d+)?")
_HEADERS = "authorization, cache-control, content-type, last-event-id"
_MAX_AGE_S = 600


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of one endpoint.

    Attributes:
        allowed: as browsers write them, such as `https://app.example`; or `*` alone: all.
        public: whether no credential is ever needed, so that none is asked of the browser.
    """

    allowed: tuple[str, ...] = ()
    public: bool = False

    def fields(self, origin: str | None) -> dict[str, str]:
        """The headers of any answer of the endpoint.

        Arguments:
            origin: the request's `Origin`, or None.
        """
        if not self.allowed:
            return {}
        if "*" in self.allowed:
            return {"access-control-allow-origin": "*"}
        fields = {"vary": "Origin"}
        if origin in self.allowed:
            fields["access-control-allow-origin"] = str(origin)
            if not self.public:
                fields["access-control-allow-credentials"] = "true"
        return fields

    def preflight(self, origin: str | None, method: str) -> dict[str, str] | None:
        """The headers of the answer to a browser that asks before it sends; None: not allowed."""
        fields = self.fields(origin)
        if "access-control-allow-origin" not in fields:
            return None
        return fields | {
            "access-control-allow-methods": method,
            "access-control-allow-headers": _HEADERS,
            "access-control-max-age": str(_MAX_AGE_S),
        }


def origins_of(given: Sequence[str], *, public: bool) -> Origins:
    """Origins as declared.

    Arguments:
        given: what a declaration says.
        public: whether everybody may use the endpoint.

    Raises:
        UsageError: for what no browser sends, or `*` where credentials are needed.
    """
    if isinstance(given, str):
        raise UsageError(f"origins {given!r}: write a list, such as ['https://app.example']")
    for origin in given:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise UsageError(
                f"origin {origin!r}: write scheme, host and port as browsers do, in lower case and"
                " without a path: https://app.example"
            )
    if "*" in given and not public:
        raise UsageError(
            "origin '*' on an endpoint that needs a credential: any page could use the credential"
            " of whoever looks at it; name the origins"
        )
    return Origins(tuple(given), public)
