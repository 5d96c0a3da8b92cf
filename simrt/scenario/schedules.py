"""A job's schedule: a cron expression of five fields, or an interval (HOK-3)."""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from simrt.scenario.units import format_duration, parse_duration

SHORTEST_INTERVAL_NS = 1_000_000

_ALLOWED = "a cron expression of five fields, such as */5 * * * *, or an interval such as 30s"


def schedule_allowed(schedule: str) -> str:
    """What to write instead of a schedule; empty where it can stay."""
    try:
        interval_ns = parse_duration(schedule)
    except ValueError:
        problem = _cron_problem(schedule)
        return f"{_ALLOWED}{problem}" if problem else ""
    shortest = format_duration(SHORTEST_INTERVAL_NS)
    return f"an interval of {shortest} or more" if interval_ns < SHORTEST_INTERVAL_NS else ""


def _cron_problem(expression: str) -> str:
    # cronsim also knows six fields, with seconds; HOK-3 has five.
    if len(expression.split()) != 5 or len(expression) > 200:
        return " (five fields: minute, hour, day, month, weekday)"
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, ValueError) as error:
        return f" ({str(error).lower()})"
    except StopIteration:
        return " (it never fires)"
    return ""
