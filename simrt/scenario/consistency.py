"""What the parts of a scenario say about each other, and about the files that they name.

Each check reads plain data that may still be wrong elsewhere, so that one mistake does not hide
another. A check says nothing about what is missing or of the wrong type: the parts say that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from simrt.errors import Mistake
from simrt.scenario.check_names import CODES
from simrt.scenario.documents import KeyPath
from simrt.scenario.draft import Draft, one_choice
from simrt.scenario.expect import EVERYONE, Comparison, parse_expectation
from simrt.scenario.fault import FAULT_KINDS, Fault
from simrt.scenario.metric_names import METRICS
from simrt.scenario.model import Online, Reconnect
from simrt.scenario.schedules import schedule_allowed
from simrt.scenario.sending import SENDING_CHECKS
from simrt.scenario.state_names import STATES
from simrt.scenario.units import format_duration, parse_duration, zone_of
from simrt.scenario.words import described, nearest
from simrt.text import listing

Finding: TypeAlias = tuple[KeyPath, Mistake]
Check: TypeAlias = Callable[[Draft], Iterator[Finding]]

# With shorter ones a client that cannot connect would try for ever within one instant.
SHORTEST_WAIT_NS = 1_000_000
# Names of groups that simrt itself uses in histories and metrics.
RESERVED_GROUPS = (EVERYONE, "neighbour", "probe")


# --- endpoint, hooks and jobs -------------------------------------------------------------------


def stream_permission(draft: Draft) -> Iterator[Finding]:
    """A stream is opened by GET."""
    path = ("feature", "stream", "permission")
    permission = draft.mapping(*path)
    if _judged(permission) and not _may("GET", permission):
        found = _spoken(permission)
        yield draft.wrong(path, "GET for somebody, such as {user: [GET]}", found=found)


def hook_permissions(draft: Draft) -> Iterator[Finding]:
    """A hook has a permission of its own, for its method (HOK-1)."""
    for path, sender in draft.senders:
        hook = sender.get("hook")
        if not isinstance(hook, str) or "job" in sender:
            continue
        method = hook.partition(" ")[0]
        if "permission" not in sender:
            allowed = f"who may call the hook, such as {{token:editor: [{method}]}}"
            yield draft.wrong((*path, "permission"), allowed, found="")
        permission = draft.mapping(*path, "permission")
        if _judged(permission) and not _may(method, permission):
            allowed = f"{method} for somebody, since the hook is {hook}"
            found = _spoken(permission)
            yield draft.wrong((*path, "permission"), allowed, found=found)


def _judged(permission: dict[str, Any]) -> bool:
    lists = [isinstance(methods, list) for methods in permission.values()]
    return bool(lists) and all(lists)


def _may(method: str, permission: dict[str, Any]) -> bool:
    return any(method in methods for methods in permission.values())


def _spoken(permission: dict[str, Any]) -> str:
    text = ", ".join(f"{who}: {described(methods)}" for who, methods in permission.items())
    return described("{" + text + "}")[1:-1]


def hooks_are_different(draft: Draft) -> Iterator[Finding]:
    """Two hooks cannot share method and path."""
    first: dict[str, KeyPath] = {}
    for path, sender in draft.senders:
        hook = sender.get("hook")
        if not isinstance(hook, str):
            continue
        if hook in first:
            index = first[hook][-1]
            allowed = f"another method or path; feature.senders[{index}] has this one"
            yield draft.wrong((*path, "hook"), allowed)
        first.setdefault(hook, path)


def keys_of_the_other_kind(draft: Draft) -> Iterator[Finding]:
    """A job has no permission and no body; a hook and an interval have no time zone."""
    for path, sender in draft.senders:
        is_job = "job" in sender and "hook" not in sender
        is_hook = "hook" in sender and "job" not in sender
        if is_job and "permission" in sender:
            allowed = "no permission here: nobody calls a job"
            found = 'the key "permission"'
            yield draft.wrong((*path, "permission"), allowed, found=found, of_key=True)
        if is_job and "body" in sender:
            allowed = "no body here: nobody calls a job"
            yield draft.wrong((*path, "body"), allowed, found='the key "body"', of_key=True)
        if "timezone" in sender and (is_hook or (is_job and _interval_ns(sender) is not None)):
            allowed = "no time zone here: only a cron expression has one"
            found = 'the key "timezone"'
            yield draft.wrong((*path, "timezone"), allowed, found=found, of_key=True)


def schedules(draft: Draft) -> Iterator[Finding]:
    """A job's schedule is a cron expression of five fields in a known zone, or an interval."""
    for path, sender in draft.senders:
        job, zone = sender.get("job"), sender.get("timezone")
        if isinstance(job, str) and (allowed := schedule_allowed(job)):
            yield draft.wrong((*path, "job"), allowed)
        if isinstance(zone, str):
            try:
                zone_of(zone)
            except ValueError as error:
                yield draft.wrong((*path, "timezone"), str(error))


def _interval_ns(sender: dict[str, Any]) -> int | None:
    try:
        return parse_duration(str(sender.get("job")))
    except ValueError:
        return None


# --- subscribers --------------------------------------------------------------------------------


def group_names(draft: Draft) -> Iterator[Finding]:
    """Some names mean something else in histories and metrics."""
    for group in draft.groups:
        if group in RESERVED_GROUPS:
            allowed = f"another name; simrt itself uses {listing(RESERVED_GROUPS)}"
            path = ("workload", "subscribers", group)
            found = f"the name {described(group)}"
            yield draft.wrong(path, allowed, found=found, of_key=True)


def reconnects(draft: Draft) -> Iterator[Finding]:
    """The longest pause is not shorter than the first (CLI-1)."""
    for group in draft.groups:
        path: KeyPath = ("workload", "subscribers", group, "reconnect")
        written = draft.mapping(*path)
        law = draft.part(Reconnect, path) if written else None
        if law is not None and law.after_ns > law.at_most_ns:
            at_most = format_duration(law.at_most_ns)
            key = "atMost" if "atMost" in written else "after"
            allowed = f"atMost at least as long as after; atMost is {at_most}"
            yield draft.wrong((*path, key), allowed)


def windows(draft: Draft) -> Iterator[Finding]:
    """With the system's own buffers a window is counted in bytes, as the kernel does (NET-2)."""
    path = ("server", "kernelBuffers")
    if draft.document.at(path) != "default":
        return
    written = draft.mapping("workload", "subscribers")
    counted = [
        name
        for name, group in written.items()
        if isinstance(group, dict) and isinstance(group.get("window", 0), int)
    ]
    if counted:
        has = "has" if len(counted) == 1 else "have"
        allowed = (
            f"small; or default, with each window as the bytes that the system's buffers hold, such"
            f" as window: 4MiB: {listing(counted)} {has} one in messages"
        )
        yield draft.wrong(path, allowed)


def waits(draft: Draft) -> Iterator[Finding]:
    """Clients wait before they try again, and networks do not come and go without end (CLI-1)."""
    shortest = format_duration(SHORTEST_WAIT_NS)
    asked: list[KeyPath] = [
        ("workload", "subscribers", group, "reconnect", "after") for group in draft.groups
    ]
    for path in (*asked, ("server", "retrySpread", 0)):
        wait_ns = draft.duration_ns(*path)
        if wait_ns is not None and wait_ns < SHORTEST_WAIT_NS:
            yield draft.wrong(path, f"a wait of {shortest} or more")
    for group in draft.groups:
        path = ("workload", "subscribers", group, "online")
        law = draft.part(Online, path) if draft.mapping(*path) else None
        if law is not None and law.up.mean_ns + law.down.mean_ns < SHORTEST_WAIT_NS:
            yield draft.wrong(path, f"periods up and down that together last {shortest} or more")


# --- faults -------------------------------------------------------------------------------------


def fault_groups(draft: Draft) -> Iterator[Finding]:
    """A fault hits a group that there is; a burst is of an event that a hook sends."""
    for path, fault in draft.items("faults"):
        for kind, rules in FAULT_KINDS.items():
            group = fault.get(kind) if rules.hits == "group" else None
            if isinstance(group, str) and draft.groups and group not in draft.groups:
                allowed = f"a group of this scenario: {listing(draft.groups, 'or')}"
                near = nearest(group, draft.groups)
                yield draft.wrong((*path, kind), allowed, nearest=near)
        event, sent = fault.get("burst"), [s.get("sends") for _, s in draft.senders if "hook" in s]
        hooked = [name for name in sent if isinstance(name, str)]
        if isinstance(event, str) and hooked and event not in hooked:
            allowed = f"an event that a hook sends: {listing(hooked, 'or')}"
            near = nearest(event, hooked)
            yield draft.wrong((*path, "burst"), allowed, nearest=near)


def fault_times(draft: Draft) -> Iterator[Finding]:
    """A fault begins while the workload runs."""
    duration_ns = draft.duration_ns("workload", "duration")
    for path, _ in draft.items("faults"):
        at_ns = draft.duration_ns(*path, "at")
        if at_ns is not None and duration_ns is not None and at_ns >= duration_ns > 0:
            end = format_duration(duration_ns)
            yield draft.wrong((*path, "at"), f"a time before the workload ends, at {end}")


def fault_lengths(draft: Draft) -> Iterator[Finding]:
    """A fault that is a state lasts for some time."""
    for path, fault in draft.items("faults"):
        kind = one_choice(Fault, fault)
        if kind is None or not FAULT_KINDS[kind].lasts:
            continue
        if "for" not in fault:
            yield draft.wrong((*path, "for"), "how long it lasts, such as for: 45s", found="")
        elif draft.duration_ns(*path, "for") == 0:
            yield draft.wrong((*path, "for"), "how long it lasts: a duration above 0")


def fault_numbers(draft: Draft) -> Iterator[Finding]:
    """`by` is a share of a disconnect, a factor of slow, a count of a burst; nothing elsewhere."""
    for path, fault in draft.items("faults"):
        kind = one_choice(Fault, fault)
        if kind is None:
            continue
        rules, by = FAULT_KINDS[kind].by, fault.get("by")
        if by is None:
            if rules is not None and rules.asked:
                yield draft.wrong((*path, "by"), rules.asked, found="")
        elif rules is None:
            numbered = [name for name, each in FAULT_KINDS.items() if each.by is not None]
            allowed = f"no by here: only {listing(numbered, 'or')} have a number"
            yield draft.wrong((*path, "by"), allowed, found='the key "by"', of_key=True)
        elif isinstance(by, int | float) and not isinstance(by, bool) and not rules.allows(by):
            yield draft.wrong((*path, "by"), rules.allowed)


def restarts_apart(draft: Draft) -> Iterator[Finding]:
    """A server that is down cannot be killed."""
    times = []
    for path, fault in draft.items("faults"):
        at_ns, for_ns = draft.duration_ns(*path, "at"), draft.duration_ns(*path, "for")
        if "restart" in fault and at_ns is not None and for_ns is not None:
            times.append((at_ns, path, at_ns + for_ns))
    up_ns = 0
    for at_ns, path, heals_ns in sorted(times, key=lambda one: one[0]):
        if at_ns <= up_ns and up_ns:
            allowed = f"a time when the server is up again, after {format_duration(up_ns)}"
            yield draft.wrong((*path, "at"), allowed)
        up_ns = max(up_ns, heals_ns)


# --- expectations, the site ---------------------------------------------------------------------


def expectations(draft: Draft) -> Iterator[Finding]:
    """An expectation can be read, and names groups and states that there are."""
    lines = draft.document.at(("expect",))
    for index, line in enumerate(lines if isinstance(lines, list) else []):
        if not isinstance(line, str):
            continue
        path = ("expect", index)
        try:
            expectation = parse_expectation(line)
        except ValueError as error:
            yield draft.wrong(path, str(error))
            continue
        for group in expectation.groups:
            if draft.groups and group != EVERYONE and group not in draft.groups:
                allowed = f"a group of this scenario: {listing((*draft.groups, EVERYONE), 'or')}"
                near = nearest(group, draft.groups)
                found = f"the group {described(group)}"
                yield draft.wrong(path, allowed, found=found, nearest=near)
                break
        for one in expectation.comparisons:
            allowed = _comparable(one, draft)
            if allowed:
                yield draft.wrong(path, allowed, found=described(line))
                break
        unknown = [state for state in expectation.states if state not in STATES]
        if unknown:
            found = f"the state {described(unknown[0])}"
            near = nearest(unknown[0], STATES)
            yield draft.wrong(path, f"a state: {listing(STATES, 'or')}", found=found, nearest=near)


def _comparable(one: Comparison, draft: Draft) -> str:
    """What may stand there instead, where a comparison can say nothing about a run."""
    if METRICS[one.metric].unit == "fraction" and one.bound > 1:
        return f"a share from 0 to 1 for {one.metric}; {one.bound:g} % is {one.bound / 100:g}"
    if one.bound < 0:
        return f"a bound of 0 or more; {one.metric} is never below 0"
    if one.metric == "memory_bytes" and one.group != EVERYONE:
        return f"{one.metric}({EVERYONE}): it is measured for the whole channel"
    if one.metric.startswith("refetches") and draft.text(("intent", "kind")) != "invalidation":
        return f"{one.metric} only where intent.kind is invalidation"
    if one.metric == "resurfaced" and draft.text(("intent", "useful_for")) in (None, "none"):
        return "resurfaced only where intent.useful_for says from which age an event misleads"
    return ""


def outcome_codes(draft: Draft) -> Iterator[Finding]:
    """What is declared to fail is a check that there is, or a line of `expect`."""
    codes, lines = draft.document.at(("outcome", "fail")), draft.document.at(("expect",))
    own = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
    known = (*CODES, *own)
    for index, code in enumerate(codes if isinstance(codes, list) else []):
        if isinstance(code, str) and code not in known:
            allowed = (
                f"a check: {listing(CODES, 'or')}; or a line of expect, as it is written there"
            )
            found = f"the code {described(code)}"
            path = ("outcome", "fail", index)
            yield draft.wrong(path, allowed, found=found, nearest=nearest(code, known))


def site_directory(draft: Draft) -> Iterator[Finding]:
    """The site's folder is there."""
    name = draft.text(("site", "directory"))
    if name:
        try:
            there = (draft.directory / name).is_dir()
        except (OSError, ValueError):
            there = False
        if not there:
            yield draft.wrong(
                ("site", "directory"), "a folder that is there, relative to the scenario's own"
            )


CHECKS: tuple[Check, ...] = (
    stream_permission,
    hook_permissions,
    hooks_are_different,
    keys_of_the_other_kind,
    schedules,
    group_names,
    reconnects,
    windows,
    waits,
    fault_groups,
    fault_times,
    fault_lengths,
    fault_numbers,
    restarts_apart,
    expectations,
    outcome_codes,
    site_directory,
    *SENDING_CHECKS,
)


def mistakes_between_parts(draft: Draft) -> Iterator[Finding]:
    """Everything that is wrong between the parts of a scenario."""
    for check in CHECKS:
        yield from check(draft)
