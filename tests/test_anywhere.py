"""Public calls work wherever Python runs: without a guard, from stdin, in a loop, in a thread."""

import asyncio
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import simrt
from simrt.errors import UsageError
from simrt.loops import beside_any_loop
from simrt.server import Site, live_clock, serve
from simrt.watch.serve import serve_scenarios
from tests.marks import paced
from tests.targets.small import small

SCRIPT = """
import pathlib, sys
print("once")
import simrt
found = simrt.check(simrt.load(sys.argv[1]), on=("sim",), runs=3, reports=sys.argv[2])
print(found.status.value, len(found.seeds["sim"]))
compared = simrt.compare(simrt.load(sys.argv[1]), runs=2)
print(compared.status.value)
"""


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    import yaml

    path = tmp_path_factory.mktemp("scenario") / "small.yml"
    path.write_text(yaml.safe_dump(small(duration="5s").normalised()))
    return path


@pytest.mark.parametrize("way", ["script", "stdin", "command"])
def test_without_a_main_guard(way, scenario_file, tmp_path):
    """The script runs once: no worker runs it again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    # What lies beside it and has the name of a module of Python's own harms no worker.
    (tmp_path / "pickle.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "work").mkdir()
    words = {"script": [str(script)], "stdin": ["-"], "command": ["-c", SCRIPT]}[way]
    done = subprocess.run(
        [sys.executable, *words, str(scenario_file), str(tmp_path / "reports")],
        input=SCRIPT if way == "stdin" else "",
        capture_output=True,
        text=True,
        cwd=tmp_path / ("work" if way != "script" else "."),
        env={"PYTHONPATH": str(Path(simrt.__file__).parents[1]), "PYTHONSAFEPATH": "1"},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["once", "fail 3", "pass"]


@pytest.mark.parametrize("on", ["sim", "app", pytest.param("server", marks=pytest.mark.real)])
def test_inside_a_running_loop(on):
    """As in a notebook's cell; the loop that runs is neither used nor stopped."""
    scenario = small(duration="2s")

    async def cell():
        run = simrt.run(scenario, on=on)
        await asyncio.sleep(0)
        return run

    within = asyncio.run(cell())
    assert list(within.history)[-1].detail == {"run": "complete"}
    if on != "server":
        assert list(within.history) == list(simrt.run(scenario, on=on).history)


def test_check_and_compare_inside_a_running_loop(tmp_path):
    async def cell():
        scenario = small(duration="2s")
        found = simrt.check(scenario, on=("sim", "app"), runs=2, reports=tmp_path)
        return found, simrt.compare(scenario, runs=1)

    found, compared = asyncio.run(cell())
    assert found.seeds == {"sim": (1, 2), "app": (1,)}
    assert compared.status.value == "pass"


@pytest.mark.real
@paced
def test_in_a_notebook(scenario_file, tmp_path):
    """A kernel of its own: its loop runs, and its main module is no file."""
    import nbformat
    from nbclient import NotebookClient

    cells = [
        f"import simrt\nscenario = simrt.load({str(scenario_file)!r})",
        "check = simrt.check(scenario, on=('sim', 'app'), runs=3, reports='asked')\ncheck",
        "[simrt.run(scenario, on=on).target for on in ('sim', 'app', 'server')]",
        "simrt.compare(scenario, on='app', runs=2).status.value",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, checked, ran, compared = (cell.outputs for cell in notebook.cells)
    (shown,) = checked  # and nothing beside it, such as a warning
    assert shown.data["text/plain"].startswith("Small: fail, runs: 3 on sim, 1 on app.")
    assert "<table>" in shown.data["text/html"]
    assert ran[0].data["text/plain"] == "['sim', 'app', 'server']"
    assert compared[0].data["text/plain"] == "'pass'"
    assert [path.name for path in tmp_path.iterdir()] == ["asked"]
    assert len(list(tmp_path.glob("asked/small/*/report.html"))) == 1


def test_ctrl_c_ends_what_runs_beside_a_loop():
    ended = threading.Event()

    def work(tell):
        threading.Event().wait(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            while True:
                tell(0.5)
                threading.Event().wait(0.01)
        finally:
            ended.set()

    async def cell():
        beside_any_loop(work)

    loop = asyncio.new_event_loop()  # asyncio.run would hear the signal itself
    # Under a shell's background job SIGINT is ignored, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        signal.signal(signal.SIGINT, before)
        loop.close()
    assert ended.wait(60)


@pytest.mark.parametrize("where", ["thread", "loop"])
def test_serve_in_a_thread_and_as_a_task(where):
    """It serves, ends in order when its task is cancelled, and frees its port and the signals."""
    site = Site("shop")
    site.health()
    before = signal.getsignal(signal.SIGINT)
    ports = []

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(2):  # the second life takes the port of the first
            ready = asyncio.Event()

            def listening(_server, port, ready=ready):
                ports.append(port)
                ready.set()

            port = ports[0] if ports else 0
            task = loop.create_task(serve(site, live_clock(), port=port, on_listening=listening))
            await ready.wait()
            url = f"http://127.0.0.1:{ports[-1]}/_health"
            answer = await asyncio.to_thread(lambda url=url: urllib.request.urlopen(url).status)
            assert answer == 200
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    if where == "loop":
        asyncio.run(main())
    else:
        failures = []

        def run():
            try:
                asyncio.run(main())
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert failures == []
    assert len(set(ports)) == 1
    assert len(ports) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_serve_scenarios_says_where_it_can_run():
    async def cell():
        serve_scenarios([small()], print, port=0)

    with pytest.raises(UsageError, match=r"threading\.Thread\(target=serve_scenarios"):
        asyncio.run(cell())
