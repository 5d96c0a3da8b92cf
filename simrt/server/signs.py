"""Endpoints about the server itself: its metrics, and whether it is well.

They belong to no project and stand beside them: `/metrics` is no path of a stream or a hook, which
has a project in front.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from simrt.errors import UsageError
from simrt.server.access import Permission, permission_of
from simrt.server.origins import Origins

_PATH = re.compile(r"/[A-Za-z0-9_\-.]{1,64}")


@dataclass(frozen=True, slots=True, eq=False)
class Sign:
    """One such endpoint.

    Attributes:
        what: what it tells.
        path: one segment, such as `/metrics`.
        permission: who may read it.
        project: whose credentials count; empty where it is public.
    """

    what: Literal["metrics", "health"]
    path: str
    permission: Permission
    project: str

    method = "GET"
    origins = Origins()


def sign_of(
    what: Literal["metrics", "health"],
    path: str,
    permission: str | Permission,
    project: str | None,
) -> Sign:
    """A sign, as the site's owner declares it.

    Raises:
        UsageError: for a path of another form, or a permission without a project.
    """
    if not _PATH.fullmatch(path):
        raise UsageError(f"{what} at {path!r}: write one segment, such as /{what}")
    permitted = permission_of(permission, ("GET",))
    if "GET" not in permitted.get("public", ()) and project is None:
        raise UsageError(f"{what} at {path}: say whose credentials open it: project=…, or public")
    return Sign(what, path, permitted, project or "")
