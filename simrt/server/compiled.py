"""From scenarios to a site: what a file declares, a server offers."""

from __future__ import annotations

from collections.abc import Sequence

from simrt.errors import UsageError
from simrt.scenario.events import payload, render
from simrt.scenario.model import Feature, Scenario, Sender
from simrt.server.call import Call
from simrt.server.settings import StreamSettings
from simrt.server.site import Site


def compile_site(scenarios: Sequence[Scenario]) -> Site:
    """The site that these scenarios declare; each brings its own project or part of one.

    Workload and faults play no part.

    Raises:
        UsageError: where two scenarios contradict each other, or a hook has no permission.
    """
    site = Site()
    for scenario in scenarios:
        feature, server = scenario.feature, scenario.server
        site.stream(
            feature.stream.path,
            project=feature.project,
            channel=feature.channel,
            permission=feature.stream.permission,
            replay=feature.stream.replay.for_engine(),
            events=feature.events,
            options=feature.options.for_engine(),
            settings=StreamSettings(
                heartbeat_ns=server.heartbeat_ns,
                peer_timeout_ns=server.peer_timeout_ns,
                write_deadline_ns=server.write_deadline_ns,
                retry_spread_ns=server.retry_spread_ns,
                max_event_bytes=server.max_event_bytes,
                resume=scenario.variants.resume,
            ),
        )
        for sender in feature.senders:
            if sender.hook is not None:
                _hook(site, feature, sender)
            else:
                _job(site, feature, sender)
    site.check()
    return site


def _hook(site: Site, feature: Feature, sender: Sender) -> None:
    if sender.permission is None:
        raise UsageError(f"hook {sender.hook} of project {feature.project} has no permission")

    @site.hook(
        sender.method,
        sender.path,
        permission=sender.permission,
        sends=[sender.sends],
        channel=feature.channel,
        project=feature.project,
    )
    def pass_on(call: Call) -> None:
        if sender.body == "event":
            call.send(sender.sends, call.data)
        else:
            call.send_all(sender.sends, call.data)


def _job(site: Site, feature: Feature, sender: Sender) -> None:
    assert sender.job is not None
    template = payload(feature, sender)

    @site.job(
        sender.job,
        timezone=sender.timezone,
        sends=[sender.sends],
        channel=feature.channel,
        project=feature.project,
    )
    def fire(call: Call) -> None:
        call.send(sender.sends, render(template, call.n, call.wall))
