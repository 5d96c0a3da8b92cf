"""Messages that expire: a write begins only while the message is younger than `messageTTL`."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext

from simrt.theory.laws import exponential
from simrt.theory.stages import OnFull, age_cycle


def mm1_patience(rate_per_s: float, drain_s: float, ttl_s: float) -> dict[str, float]:
    """Poisson sends, exponential drain, a buffer that is never full; any load.

    Arguments:
        rate_per_s: sends per second.
        drain_s: mean drain.
        ttl_s: `messageTTL`.

    Returns:
        `expired_fraction`, `missed_fraction`, `latency_s`, `staleness_s`, `peak_staleness_s`.

    Source: expired fraction: Barrer 1957, Oper. Res. 5(5). The age: the renewal cycle of Kaul,
    Yates, Gruteser 2012, derived. Not checked against the originals.
    """
    load, spare = rate_per_s * drain_s, 1 / drain_s - rate_per_s
    # (1 - exp(-x)) / x and (1 - exp(-x) (1 + x)) / x^2 with x = spare * ttl, also at 0.
    x = spare * ttl_s
    first, second = _phi(x)
    busy = 1 + rate_per_s * ttl_s * first  # H
    idle = 1 / (1 + load * busy)
    expired = 1 - busy * idle
    wait = rate_per_s / busy * ttl_s**2 * second
    left_empty = 1 / busy
    return {
        "loss_fraction": 0.0,
        "expired_fraction": expired,
        "missed_fraction": expired,
        "latency_s": wait + drain_s,
        **age_cycle(
            rate_per_s, exponential(drain_s), wait + drain_s, left_empty, left_empty * drain_s
        ),
    }


def _phi(x: float) -> tuple[float, float]:
    """(1 - e^-x) / x and (1 - e^-x (1 + x)) / x^2, by their series near 0."""
    if abs(x) < 0.1:
        first = math.fsum((-x) ** k / math.factorial(k + 1) for k in range(20))
        second = math.fsum((-x) ** k / (math.factorial(k) * (k + 2)) for k in range(20))
        return first, second
    first = -math.expm1(-x) / x
    return first, (first - math.exp(-x)) / x


def md1_patience(rate_per_s: float, drain_s: float, ttl_s: float) -> dict[str, float]:
    """Poisson sends, constant drain, a buffer that is never full; any load.

    Returns:
        `expired_fraction`, `missed_fraction`.

    Source: de Kok, Tijms 1985, J. Appl. Probab. 22, with the workload series as in Brun, Garcia
    2000, J. Appl. Probab. 37(4); not checked against the originals.
    """
    # The series has both signs and terms that nearly cancel: as many digits as its largest term
    # has before the point, and 30 more.
    digits = 30 + math.ceil(2 * rate_per_s * ttl_s)
    with localcontext(Context(prec=digits)):
        rate, drain, ttl = Decimal(rate_per_s), Decimal(drain_s), Decimal(ttl_s)
        total, term = Decimal(0), Decimal(1)
        for k in range(int(ttl / drain) + 1):
            left = rate * (ttl - k * drain)
            term = (-left) ** k / math.factorial(k) if k else Decimal(1)
            total += term * left.exp()
        expired = 1 - total / (1 + rate * drain * total)
    return {
        "loss_fraction": 0.0,
        "expired_fraction": float(expired),
        "missed_fraction": float(expired),
    }


def one_slot_patience(
    rate_per_s: float, drain_s: float, ttl_s: float, on_full: OnFull = "drop-oldest"
) -> dict[str, float]:
    """Poisson sends, exponential drain, one pending message that can expire.

    Returns:
        Under drop-oldest `staleness_s` and `peak_staleness_s`; under drop-newest
        `expired_fraction`.

    Source: derived; a related model: Kam, Kompella, Nguyen, Wieselthier, Ephremides 2018, IEEE
    Trans. Inf. Theory 64(9), not checked against the original.
    """
    a, m = rate_per_s, 1 / drain_s
    both = a + m
    if on_full == "drop-newest":
        # A write ends with an expired message pending, which waited longer than the TTL.
        stale = a / both * math.exp(-m * ttl_s)
        left_empty = m / both + stale
        written = 1 / (a * (drain_s + left_empty / a))
        return {"expired_fraction": stale * written}
    gone = math.exp(-both * ttl_s)
    fresh = -math.expm1(-both * ttl_s) - gone * both * ttl_s  # 1 - e (1 + (a + m) ttl)
    left_empty = (m + a * gone) / both
    wait = a / both**2 * fresh
    write_empty = m / both**2 * fresh + gone * (ttl_s + drain_s)
    latency_empty = wait * left_empty + write_empty
    return age_cycle(a, exponential(drain_s), wait + drain_s, left_empty, latency_empty)
