"""The first line of a history: what ran, where, with which versions."""

from __future__ import annotations

import platform
from importlib.metadata import version

from simrt.history import FORMAT, Header
from simrt.scenario.model import Scenario

_PACKAGES = {
    "sim": ("simrt", "simpy", "numpy"),
    "app": ("simrt", "uvicorn", "httptools", "starlette", "pyjwt", "numpy"),
    "server": ("simrt", "uvicorn", "httptools", "starlette", "pyjwt", "numpy"),
}


def header_of(
    scenario: Scenario,
    target: str,
    seed: int,
    *,
    speed: float = 1.0,
    resolution_ns: int = 0,
    window: dict[str, dict[str, int]] | None = None,
) -> Header:
    """The header of a run of this scenario.

    Arguments:
        scenario: what runs.
        target: `sim`, `app` or `server`.
        seed: the run's seed.
        speed: scenario seconds per real second.
        resolution_ns: measured jitter times speed, nanoseconds of scenario time.
        window: per group, the calibrated window.
    """
    versions = {"python": platform.python_version()}
    versions.update({name: version(name) for name in _PACKAGES[target]})
    return Header(
        format=FORMAT,
        scenario=scenario.normalised(),
        target=target,
        seed=seed,
        speed=speed,
        resolution_ns=resolution_ns,
        window=window or {},
        versions=versions,
    )
