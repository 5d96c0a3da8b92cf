"""docs/metrics.md defines every metric; each edge that it names was calculated by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simrt.metrics import METRICS
from tests.metrics.tales import Tale

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")


def test_every_metric_has_a_definition() -> None:
    rows = [line.split("|")[1:3] for line in TEXT.splitlines() if line.startswith("| `")]
    parts = re.findall(r"`(missed_\w+)`", next(of for name, of in rows if "`missed`" in name))
    defined = [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted({*defined, *parts}) == sorted(METRICS)


def values(tale: Tale, **expected: object) -> None:
    seen = tale.measure()
    assert {name: seen.value(name) for name in expected} == expected


# --- outages ----------------------------------------------------------------------------------


def test_who_leaves_before_the_answer_is_away_from_then_on() -> None:
    """The server accepts at 10, the client leaves at 11, the server learns it at 13."""
    tale = Tale().connect(10).refuse(11).server_close(13).connect(20, n=2)
    values(tale, outages=1, reconnects=1, reconnect_s=9, recovery_s=9)


def test_what_the_server_accepts_too_late_is_no_reconnect() -> None:
    """The client leaves attempt 2 at 11; the server accepts it at 12, and learns at 14."""
    tale = Tale().connect(0).close(10).refuse(11, n=2).connect(12, n=2).server_close(14, n=2)
    values(tale, outages=1, reconnects=0, not_reconnected=1, reconnect_s=None, not_recovered=1)
    values(tale.connect(20, n=3), outages=1, reconnects=1, reconnect_s=10, recovery_s=10)


def test_a_first_connection_that_was_left_before_its_accept_begins_no_outage() -> None:
    tale = Tale(kind="invalidation").refuse(1).connect(2).send(3, 1).server_close(4)
    values(tale.connect(10, n=2), outages=0, reconnects=0, sent=1, missed_connection_lost=1,
           refetches=0, replayed_per_reconnect=None)  # fmt: skip


def test_an_outage_can_begin_in_the_last_instant_and_not_after_it() -> None:
    values(Tale().connect(0).close(100).connect(103, n=2), outages=1, reconnects=1, reconnect_s=3)
    values(Tale().connect(0).close(100.000000001).connect(103, n=2), outages=0, reconnects=0)


def test_the_end_of_the_run_is_not_an_end_of_a_connection() -> None:
    tale = Tale().connect(0)
    for side in ("server", "client"):
        tale.row(100, "end", subscriber="g/0", connection=1, detail={"side": side})
    values(tale, outages=0, not_reconnected=0)


def test_both_sides_of_one_end_are_one_outage_that_begins_with_the_first() -> None:
    tale = Tale().connect(0).server_close(10).client_close(12).connect(20, n=2)
    values(tale, outages=1, reconnect_s=10)
    tale = Tale().connect(0).client_close(10).restart(12, "b").connect(20, n=2)
    values(tale, outages=1, reconnect_s=10)


def test_a_recovery_needs_the_newest_message_and_a_connection() -> None:
    """Lost at 10, back at 20 without the message of 15, current again with that of 30 at 32."""
    tale = Tale().connect(0).send(1, 1).arrive(2, 1).close(10).send(15, 2).connect(20, n=2)
    tale.send(30, 3).arrive(32, 3, n=2)
    values(tale, reconnect_s=10, recovery_s=22, not_recovered=0)


def test_what_arrives_on_an_old_connection_counts_once_there_is_a_new_one() -> None:
    """The server is killed at 10; what was under way arrives at 11; the client is back at 14."""
    tale = Tale().connect(0).send(9, 1).take(9, 1).restart(10, "b")
    tale.epoch = "a"
    tale.receive(11, 1).client_close(12)
    tale.epoch = "b"
    values(tale.connect(14, n=2), reconnect_s=4, recovery_s=4)


def test_outages_before_a_recovery_belong_to_it() -> None:
    tale = Tale().connect(0).close(10).send(11, 1).connect(12, n=2).close(20, n=2)
    tale.connect(22, n=3, replay=(1, 1)).arrive(25, 1, n=3)
    values(tale, outages=2, reconnects=2, reconnect_s=2, recovery_s=15)


# --- ages -------------------------------------------------------------------------------------


def test_before_the_first_receipt_anything_sent_makes_outdated() -> None:
    """Member at 10. Sent before: from 10 to the receipt at 30. Else from the send at 20."""
    tale = Tale().send(5, 1).connect(10).send(20, 2).arrive(30, 2)
    values(tale, outdated_fraction=pytest.approx(20 / 90), outdated_max_s=20)
    tale = Tale().connect(10).send(20, 1).arrive(30, 1)
    values(tale, outdated_fraction=pytest.approx(10 / 90), outdated_max_s=10)


def test_who_never_receives_anything_is_outdated_to_the_end() -> None:
    tale = Tale().connect(10).send(60, 1)
    values(tale, outdated_fraction=pytest.approx(40 / 90), never_informed=1, uninformed_s=90,
           staleness_s=None, blind_s=40)  # fmt: skip


def test_a_receipt_in_the_last_instant_informs_and_one_after_it_does_not() -> None:
    tale = Tale().connect(0).send(50, 1)
    values(tale.arrive(100, 1), never_informed=0, uninformed_s=100, received=1, latency_s=50)
    tale = Tale().connect(0).send(50, 1).arrive(100.5, 1)
    values(tale, never_informed=1, uninformed_s=100, received=1, latency_s=50.5)


def test_who_is_accepted_in_the_quiet_phase_was_never_informed_and_waited_for_nothing() -> None:
    tale = Tale().send(50, 1).connect(101, replay=(1, 1)).arrive(102, 1)
    values(tale, never_informed=1, uninformed_s=None, outdated_fraction=None, earlier=1, sent=0,
           pending_max=1, blind_s=None, outdated_max_s=None)  # fmt: skip


def test_an_earlier_message_informs() -> None:
    tale = Tale().send(5, 1).connect(10, replay=(1, 1)).arrive(12, 1)
    values(tale, never_informed=0, uninformed_s=2, earlier=1,
           staleness_s=pytest.approx((7 + 95) / 2), latency_s=None)  # fmt: skip


# --- occupancy --------------------------------------------------------------------------------


def test_a_message_taken_in_the_instant_of_its_send_was_pending() -> None:
    values(Tale().connect(0).send(5, 1).take(5, 1).receive(6, 1), pending_max=1, mean_pending=0)


def test_in_the_instant_of_an_overflow_the_queue_is_not_one_longer() -> None:
    tale = Tale(buffer_size=2).connect(0).send(1, 1).send(2, 2).send(3, 3)
    values(tale.drop(3, 1, "drop-oldest"), pending_max=2)
    tale = Tale(buffer_size=2, on_full="drop-newest").connect(0).send(1, 1).send(2, 2).send(3, 3)
    values(tale.drop(3, 3, "drop-newest"), pending_max=2)


def test_a_replay_in_the_quiet_phase_counts_for_the_maximum_and_not_for_the_mean() -> None:
    tale = Tale().connect(0).close(10).send(20, 1).send(21, 2).connect(101, n=2, replay=(1, 2))
    values(tale.arrive(102, 1, n=2).arrive(102, 2, n=2), pending_max=2, mean_pending=0)


def test_what_is_taken_for_a_client_that_has_left_is_not_in_flight() -> None:
    tale = Tale().connect(0).send(1, 1).send(1, 2).take(1, 1).client_close(2).take(3, 2)
    values(tale.server_close(4), in_flight_max=1, missed_connection_lost=2)


# --- outcomes ---------------------------------------------------------------------------------


def test_an_orderly_end_of_the_server_is_a_restart() -> None:
    tale = Tale().connect(0).send(1, 1)
    tale.server_close(2, pending=(1,))
    values(tale, missed_connection_lost=1, missed_restart=0)
    last = tale.rows[-1]
    tale.rows[-1] = type(last)(**{
        name: getattr(last, name) for name in type(last).__struct_fields__
    } | {"cause": "shutdown"})  # fmt: skip
    values(tale.client_close(3), missed_connection_lost=0, missed_restart=1)


def test_what_a_client_may_still_read_at_the_end_is_unfinished() -> None:
    tale = Tale().connect(0).send(1, 1).send(1, 2).take(1, 1).restart(2, "b")
    values(tale, unfinished=1, missed_restart=1)


def test_nothing_more_arrives_on_a_dead_connection_whose_client_was_not_told() -> None:
    """The same rows; only the cause of the client's last one says that the connection was dead."""
    detail = {"side": "client", "received": 0}
    for cause, expected in (
        ("", {"unfinished": 2, "missed_connection_lost": 0, "missed_restart": 0}),
        ("untold", {"unfinished": 0, "missed_connection_lost": 1, "missed_restart": 1}),
    ):
        tale = Tale(groups={"g": 2}).connect(0).connect(0, "g/1").send(1, 1)
        tale.take(1, 1).take(1, 1, "g/1").server_close(2).restart(3, "b")
        for who in ("g/0", "g/1"):
            tale.row(100, "end", cause=cause, subscriber=who, connection=1, detail=detail)
        values(tale, **expected)
