import pytest

from simrt.history import History, read_history
from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import history, newest, oldest, scenario

pytestmark = pytest.mark.rules("SSE-4", "CHN-4")

PROBES = """
0 refuse probe/none#1 status status=401
0 refuse probe/wrong#1 status status=401
0 refuse probe/expired#1 status status=401
0 refuse probe/other-project#1 status status=401
0 connect probe/right#1
0 close probe/right#1 client client received=0
1 end run
"""


def probed(old="", new="", **of):
    assert old in PROBES
    return history(PROBES.replace(old, new) if old else PROBES, scenario(**of), target="server")


def test_all_five_probes():
    found = passes("permission", probed())
    assert found.sentence == (
        "GET /shop/news lets in only user: no credentials 401, wrong ones 401, expired ones 401, "
        "another project's 401, the right ones 200."
    )
    passes("permission", newest())


def test_on_the_simulator_groups_with_wrong_credentials_are_judged():
    found = passes("permission", oldest())
    assert found.judged == 1
    assert found.sentence.endswith("lets in only user: 1 other answer as they must be.")


@pytest.mark.parametrize("probe", ["none", "wrong", "expired", "other-project"])
@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_who_has_no_right_credentials_gets_401(probe, status):
    line = f"refuse probe/{probe}#1 status status="
    fails("permission", probed(f"{line}401", f"{line}{status}"), f"answered {status}, must be 401")


@pytest.mark.parametrize("probe", ["none", "wrong", "expired", "other-project"])
def test_who_has_no_right_credentials_is_never_let_in(probe):
    let_in = f"connect probe/{probe}#1\n0 close probe/{probe}#1 client client received=0"
    line = f"refuse probe/{probe}#1 status status=401"
    fails("permission", probed(line, let_in), "this probe must not be let in")


def test_the_right_credentials_must_be_let_in():
    line = "connect probe/right#1\n0 close probe/right#1 client client received=0"
    refused = "refuse probe/right#1 status status=401"
    fails("permission", probed(line, refused), "answered 401, must be 200")


def test_each_probe_is_one_attempt_with_an_answer():
    line = "0 refuse probe/none#1 status status=401\n"
    fails("permission", probed(line, line + line), "each probe is one attempt")
    fails("permission", probed("probe/none#1", "probe/none#2"), "each probe is one attempt")
    down = "0 refuse probe/none#1 down status=401\n"
    fails("permission", probed(line, down), "because of down, which is no answer")


@pytest.mark.parametrize("probe", ["none", "wrong", "expired", "other-project"])
def test_a_probe_that_was_not_made_fails(probe):
    line = f"0 refuse probe/{probe}#1 status status=401\n"
    fails("permission", probed(line), f"the probe with {probe} credentials has no answer")


def test_the_answer_must_be_about_this_endpoint():
    of = scenario()
    rows = list(history(PROBES, of))
    detail = {"probe": "wrong", "status": 401, "endpoint": "GET /shop/other"}
    import msgspec

    from simrt.history import History

    rows[1] = msgspec.structs.replace(rows[1], detail=detail)
    header = history(PROBES, of).header
    fails("permission", History(header, rows), "asked GET /shop/other")
    rows[1] = msgspec.structs.replace(rows[1], detail=detail | {"probe": "none"})
    fails("permission", History(header, rows), "says it is about the probe none")


def test_public_is_said():
    everyone = {"public": ["GET"]}
    line = "refuse probe/none#1 status status=401"
    let_in = "connect probe/none#1\n0 close probe/none#1 client client received=0"
    found = passes("permission", probed(line, let_in, permission=everyone))
    assert "public on purpose: anyone can read it" in found.sentence
    fails("permission", probed(permission=everyone), "answered 401, must be 200")


def test_several_readers_are_named():
    found = passes("permission", probed(permission={"user": ["GET"], "token:wall": ["GET"]}))
    assert "only user or token:wall" in found.sentence


def test_a_permission_that_lets_nobody_read_fails():
    fails("permission", probed(permission={"user": ["POST"]}), "lets nobody GET")


WRONG = {"groups": {"w": {"credentials": "wrong"}, "a": {}}}
GONE = "0 refuse w/0#1 status status=401\n0 gave-up w/0#1 status status=401\n1 end run"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("refuse w/0#1 status status=401", "refuse w/0#1 status status=403", "answered 403, wrong"),
        ("0 gave-up w/0#1 status status=401\n", "", "w/0: was refused and did not give up"),
        ("0 gave-up w/0#1 status status=401", "0 connect w/0#1", "without the right credentials"),
        ("1 end run", "1 refuse a/0#1 status status=401\n1 end run", "in spite of the right"),
        ("1 end run", "1 connect a/0#1 status=204\n1 end run", "begins with status 200"),
    ],
)
def test_groups_with_wrong_credentials(old, new, words):
    passes("permission", history(GONE, scenario(**WRONG)))
    assert old in GONE
    fails("permission", history(GONE.replace(old, new), scenario(**WRONG)), words)


def test_a_busy_server_is_no_matter_of_permission():
    text = "1 refuse a/0#1 status status=503\n" + PROBES
    passes("permission", history(text, target="server"))


def test_the_simulator_cannot_see_it():
    not_applicable("permission", history("1 end run"), "The simulator carries no credentials")


def test_a_stored_history_whose_clock_was_emulated_is_judged(tmp_path):
    """Earlier versions had a real server step by step: nobody tried wrong credentials there."""
    path = tmp_path / "h.jsonl"
    written = history("1 end run", target="server", emulated=True)
    History(written.header, written).save(path)
    assert '"emulated":true' in path.read_text("utf-8").splitlines()[0]
    not_applicable("permission", read_history(path), "In lockstep nobody tries wrong credentials")


def test_a_server_that_was_not_probed_is_inconclusive():
    inconclusive("permission", history("1 end run", target="server"), "never probed")
