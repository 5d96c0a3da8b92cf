"""A `simrt serve` of its own process, and a small feature for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUFFER_SIZE = 8
PATIENCE_S = 60


def feature(**changes: Any) -> dict[str, Any]:
    """A scenario with two hooks and a stream for users; a small buffer, no restful heartbeat."""
    text = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {"text": {"type": "string"}},
        "examples": [{"text": "hello"}],
    }
    editor = {"token:editor": ["POST"]}
    return {
        "title": "News",
        "question": "Who hears of what?",
        "intent": {"kind": "notifications", "useful_for": "10m"},
        "feature": {
            "project": "shop",
            "channel": "news",
            "options": {"bufferSize": BUFFER_SIZE, "onFull": "drop-oldest", "messageTTL": "10m"},
            "stream": {
                "path": "/news",
                "permission": {"user": ["GET"]},
                "replay": {"lastN": 2, "maxAge": "5m"},
            },
            "events": {"changed": text, "removed": {**text, "examples": [{"text": "gone"}]}},
            "senders": [
                {"hook": "POST /content", "permission": editor, "sends": "changed"},
                {"hook": "POST /removed", "permission": editor, "sends": "removed"},
                {"job": "1h", "sends": "changed"},
            ],
        },
        "workload": {
            "duration": "1m",
            "publish": [{"event": "changed", "arrivals": {"periodic": "5/s"}}],
            "subscribers": {"a": {}},
        },
        "server": {"retrySpread": ["1s", "1s"]},
        **changes,
    }


@dataclass
class Served:
    """A process that serves.

    Attributes:
        page: the page's address, with the key.
        said: what it printed before it was ready.
        log: the file of its log lines.
    """

    process: subprocess.Popen[str]
    page: str
    said: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.page.split(":")[2].split("/")[0])

    @property
    def key(self) -> str:
        return self.page.partition("#")[2]

    def end(self) -> tuple[int, str, str]:
        """Ctrl-C; exit code, the rest of its output, its log."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, self.log.read_text("utf-8")


@contextmanager
def serve(
    folder: Path, *scenarios: dict[str, Any], arguments: tuple[str, ...] = ()
) -> Iterator[Served]:
    """Serve these scenarios on a free port."""
    paths = []
    for number, scenario in enumerate(scenarios or (feature(),)):
        paths.append(folder / f"scenario-{number}.yml")
        paths[-1].write_text(json.dumps(scenario), "utf-8")
    command = [sys.executable, "-m", "simrt", "serve", "--port", "0", *arguments, *map(str, paths)]
    log = folder / "log"
    with log.open("w") as errors:  # a pipe that nobody reads would stop it
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, log.read_text("utf-8")
            said += line
        yield Served(process, said.split()[1], said, log)
    finally:
        process.kill()
        process.communicate()
