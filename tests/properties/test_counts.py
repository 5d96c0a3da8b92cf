"""Judge, metrics, figures and page count the same of each outcome, for each subscriber.

Accounting and the metrics count independently of each other; figures and page show what the
metrics' fold says. The scenarios are generated: with restarts, latency, and silent periods.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from simrt.scenario import load
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.properties.counts import of_accounting, of_figures, of_metrics, of_page
from tests.properties.runs import SEEDS, examples, simulated

FAR = """\
title: Far away, and cut off
intent: {kind: notifications, useful_for: none}
feature:
  project: shop
  channel: news
  options: {bufferSize: 4, onFull: drop-oldest, messageTTL: none}
  stream: {path: /news, permission: {user: [GET]}, replay: {lastN: 0, maxAge: none}}
  events:
    e: {type: object, additionalProperties: false, required: [id],
        properties: {id: {type: string, maxLength: 20}}, examples: [{id: "7"}]}
  senders: [{hook: POST /news, permission: {token:editor: [POST]}, sends: e, data: {id: "{n}"}}]
workload:
  duration: 30s
  publish: [{event: e, arrivals: {periodic: 10/s}}]
  subscribers: {far: {count: 2, latency: 2s, window: 1}}
faults: [{at: 10s, disconnect: far, for: 3s}]
"""


@pytest.mark.rules("ACC-2")
@pytest.mark.timeout(1800)
def test_everybody_counts_the_same():
    @examples(0.5)
    @given(scenarios(), SEEDS)
    def same(scenario: Scenario, seed: int) -> None:
        with repeatable(scenario, seed):
            history = simulated(scenario, seed)
            accounted = of_accounting(history)
            assert of_metrics(history) == accounted
            assert of_figures(history) == accounted
            assert of_page(history) == accounted

    same()


@pytest.mark.rules("ACC-2", "NET-4")
@pytest.mark.parametrize("count", [of_accounting, of_metrics, of_figures, of_page])
def test_what_a_server_drops_for_a_client_that_has_left_counts_as_dropped(count, tmp_path):
    """The client leaves at 10 s; the server, 2 s away, learns it at 12 s and drops until then."""
    file = tmp_path / "far.yml"
    file.write_text(FAR)
    counts = count(simulated(load(file), 1)).values()
    assert sum(one["dropped-oldest"] for one in counts) == 284
    assert sum(one["connection-lost"] for one in counts) == 10
