"""Files of cases: what is read, what is refused, and what a case becomes."""

import copy
import json

import pytest

from simrt.scenario import scenario
from simrt.theory import Model, Outages, Sends, deterministic, erlang, exponential, uniform
from simrt.validation import SHIPPED, CaseError, chosen, read_cases
from simrt.validation.cases import NEVER_FULL, as_scenario_data

GOOD = json.loads(SHIPPED.read_text("utf-8"))["cases"]
QUEUE = GOOD[0]
AWAY = next(case for case in GOOD if case["model"]["reconnect"])


def write(folder, *cases, **top):
    path = folder / "cases.json"
    path.write_text(json.dumps({"format": "validation-cases/1", "cases": list(cases)} | top))
    return path


def changed(case, path, value):
    """A case with one value changed, or one key deleted."""
    case = copy.deepcopy(case)
    *way, last = path.split(".")
    part = case
    for key in way:
        part = part[key]
    if value is DELETED:
        del part[last]
    else:
        part[last] = value
    return case


DELETED = object()


def test_the_shipped_cases_are_read():
    cases = {case.id: case for case in read_cases(SHIPPED)}
    assert len(cases) == 37
    one = cases["lastn4-erlang-missed-fraction"]
    assert one.model == Model(
        Sends("poisson", 2.0),
        deterministic(0.0),
        50,
        "drop-oldest",
        outages=Outages(exponential(8.0), erlang(3.0, 2)),
        last_n=4,
    )
    assert (one.metric, one.expected, one.status) == ("missed_fraction", 0.129438920455, "derived")
    assert cases["mm1-inf-aoi"].model.buffer_size is None
    assert cases["mm1-b4-oldest-p95-latency"].quantile == 0.95
    assert cases["ring6-const-resume-replayed"].model.outages.resume
    assert cases["mxm1-b7-newest-loss"].model.sends == Sends("batch", 20.0, "geometric", 4)


def test_some_can_be_chosen():
    cases = read_cases(SHIPPED)
    assert chosen(cases, []) == cases
    assert [c.id for c in chosen(cases, ["mm1-inf-aoi", "mm1-b8-oldest-loss"])] == [
        "mm1-b8-oldest-loss",
        "mm1-inf-aoi",
    ]
    with pytest.raises(CaseError, match="did you mean mm1-inf-aoi"):
        chosen(cases, ["mm1-inf-aio"])


@pytest.mark.parametrize(
    ("case", "path", "value", "says"),
    [
        (QUEUE, "id", DELETED, "required field `id`"),
        (QUEUE, "id", "", "`id`"),
        (QUEUE, "quantity", "loss", "allowed: loss_fraction, expired_fraction"),
        (QUEUE, "quantity", "expected_missed", "expected_missed needs outages"),
        (QUEUE, "quantity", "latency_quantile_s", "quantile: latency_quantile_s needs one"),
        (QUEUE, "quantile", 0.5, "no other quantity has one"),
        (QUEUE, "quantile", 1, "`quantile`"),
        (QUEUE, "expected", "0.1", "`expected`"),
        (QUEUE, "expected", DELETED, "`expected`"),
        (QUEUE, "model", [], "`model`"),
        (QUEUE, "model.publish.rate", 0, "`model.publish.rate`"),
        (QUEUE, "model.publish.rate", "45/s", "`model.publish.rate`"),
        (QUEUE, "model.publish.process", "bursty", "`model.publish.process`"),
        (QUEUE, "model.publish.process", "batch", "model.publish.batch: batch needs"),
        (QUEUE, "model.publish.batch", {"dist": "fixed", "mean": 2}, "other processes have none"),
        (QUEUE, "model.subscriber.drain", DELETED, "required field `drain`"),
        (QUEUE, "model.subscriber.drain", "normal", "`model.subscriber.drain`"),
        (QUEUE, "model.subscriber.drain", "erlang", "model.subscriber.shape: erlang needs"),
        (QUEUE, "model.subscriber.drain", "uniform", "uniform needs low_s and high_s"),
        (QUEUE, "model.subscriber.drain", "hyperexponential", "model.subscriber.phases: two or"),
        (QUEUE, "model.subscriber.mean_s", -1, "`model.subscriber.mean_s`"),
        (QUEUE, "model.subscriber.mean_s", 0, "model.subscriber.mean_s: must be above 0"),
        (QUEUE, "model.buffer_size", 0, "`model.buffer_size`"),
        (QUEUE, "model.buffer_size", 8.5, "`model.buffer_size`"),
        (QUEUE, "model.on_full", "drop", "`model.on_full`"),
        (QUEUE, "model.message_ttl_s", 0, "`model.message_ttl_s`"),
        (QUEUE, "model.in_flight", 2, "`model.in_flight`"),
        (QUEUE, "model.last_n", -1, "`model.last_n`"),
        (QUEUE, "model.max_age_s", 0, "`model.max_age_s`"),
        (AWAY, "model.reconnect.up.mean_s", 0, "model.reconnect.up.mean_s: must be above 0"),
        (AWAY, "model.reconnect.down.dist", "pareto", "`model.reconnect.down.dist`"),
        (AWAY, "model.reconnect.last_event_id", 1, "`model.reconnect.last_event_id`"),
        (AWAY, "model.reconnect.down", DELETED, "required field `down`"),
    ],
)
def test_a_wrong_case_is_refused_at_its_place(tmp_path, case, path, value, says):
    file = write(tmp_path, QUEUE | {"id": "a"}, changed(case, path, value), AWAY | {"id": "b"})
    with pytest.raises(CaseError) as caught:
        read_cases(file)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: cases[1]")
    assert says in message


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path):
    wrong = changed(QUEUE, "quantity", "x"), changed(QUEUE, "model.buffer_size", 0)
    with pytest.raises(CaseError) as caught:
        read_cases(write(tmp_path, *wrong, AWAY, AWAY))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "cases[0] (mm1-b8-newest-loss)",
        "cases[1] (mm1-b8-newest-loss)",
        "cases[3] (lastn6-const-missed)",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "format: found 'list'"),
        (b"{}", "format: found None"),
        (b'{"format": "validation-cases/2", "cases": []}', "validation-cases/1"),
        (b'{"format": "validation-cases/1"}', "a list of one case or more"),
        (b'{"format": "validation-cases/1", "cases": []}', "a list of one case or more"),
        (b'{"format": "validation-cases/1", "cases": [7]}', "cases[0]: Expected `object`"),
    ],
)
def test_what_is_no_file_of_cases(tmp_path, text, says):
    path = tmp_path / "cases.json"
    path.write_bytes(text)
    with pytest.raises(CaseError) as caught:
        read_cases(path)
    assert says in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CaseError, match="cannot be read: No such file"):
        read_cases(tmp_path / "none.json")


@pytest.mark.parametrize("case", read_cases(SHIPPED), ids=lambda case: case.id)
def test_a_case_becomes_a_scenario_of_the_same_numbers(case):
    made = scenario(as_scenario_data(case.model, 10**12))
    model, feature = case.model, made.feature
    (group,) = made.workload.subscribers.values()
    assert (group.window, group.latency_ns, group.reconnect) == (1, 0, "at-once")
    assert feature.options.buffer_size == (model.buffer_size or NEVER_FULL)
    assert feature.options.on_full == model.on_full
    assert feature.options.message_ttl_ns == (model.ttl_s and round(model.ttl_s * 1e9))
    assert feature.stream.replay.last_n == model.last_n
    assert feature.stream.replay.max_age_ns == (model.max_age_s and round(model.max_age_s * 1e9))
    assert group.drain.mean_ns == pytest.approx(model.drain.mean_s * 1e9, rel=1e-7)
    assert (group.online is None) == (model.outages is None)
    if model.outages is not None:
        assert group.online.down.mean_ns == pytest.approx(model.outages.down.mean_s * 1e9)
        assert (made.variants.resume == "last-event-id") == model.outages.resume
    settings = made.server
    assert settings.heartbeat_ns is settings.write_deadline_ns is settings.peer_timeout_ns is None
    assert not feature.undecided
    (publish,) = made.workload.publish
    process = publish.arrivals
    rate = process.poisson or process.periodic or process.batch.rate
    assert rate.per_s == pytest.approx(model.sends.rate_per_s, rel=1e-12)


@pytest.mark.parametrize(
    ("law", "written"),
    [
        (uniform(0.002, 0.018), {"uniform": {"low": "2000000ns", "high": "18000000ns"}}),
        (erlang(0.01, 3), {"erlang": {"mean": "10000000ns", "shape": 3}}),
        (deterministic(0.0), {"constant": "0ns"}),
    ],
)
def test_laws_are_written_in_nanoseconds(law, written):
    model = Model(Sends("poisson", 1.0), law, 3)
    data = as_scenario_data(model, 10**9)
    assert data["workload"]["subscribers"]["subscriber"]["drain"] == written
