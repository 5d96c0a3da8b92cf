"""What mutmut found: the verdict on each mutant, from the files that it keeps beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

MUTATED = Path("mutants") / "simrt" / "engine"  # in the workspace
_NAME = re.compile(r"^simrt\.engine\.(\w+)\.(?:x_(\w+)|xǁ(\w+)ǁ(\w+))__mutmut_\d+$")


class Verdict(Enum):
    """What became of a mutant."""

    KILLED = "a test failed"
    ENDLESS = "the tests did not come to an end"
    SURVIVED = "all tests passed"
    OPEN = "not judged yet"


# How the process that ran the tests ended -> what that means. A crash of the interpreter, or a test
# run that could not even begin, is no verdict.
_VERDICTS = {
    1: Verdict.KILLED,
    3: Verdict.KILLED,  # the mutant broke pytest itself
    0: Verdict.SURVIVED,
    33: Verdict.SURVIVED,  # no test calls the function
    -24: Verdict.ENDLESS,  # SIGXCPU
    -9: Verdict.ENDLESS,  # SIGKILL, a second later
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutant.

    Attributes:
        name: mutmut's, such as `simrt.engine.errors.x_shown__mutmut_6`.
        verdict: what became of it.
    """

    name: str
    verdict: Verdict

    @property
    def file(self) -> str:
        """The file of the engine that it changes, such as `errors.py`."""
        found = _NAME.match(self.name)
        assert found, self.name
        return f"{found[1]}.py"

    @property
    def function(self) -> str:
        """The function that it changes, such as `shown` or `DropNewest.fill`."""
        found = _NAME.match(self.name)
        assert found, self.name
        return found[2] or f"{found[3]}.{found[4]}"


def read(workspace: Path) -> list[Mutant]:
    """All mutants of a workspace, file by file.

    A file of verdicts that was cut off, when the machine went down in the middle of writing, counts
    as empty.
    """
    return [
        Mutant(name, Verdict.OPEN if code is None else _VERDICTS.get(code, Verdict.OPEN))
        for path in sorted((workspace / MUTATED).glob("*.meta"))
        for name, code in _codes(path)
    ]


def verdicts_in(text: str, *, survivors_too: bool) -> str:
    """One of mutmut's files, to be laid beside new mutants.

    Arguments:
        text: the file.
        survivors_too: keep all verdicts; else what survived is judged anew.

    Raises:
        ValueError: the file was cut off.
    """
    kept = json.loads(text)
    codes = kept["exit_code_by_key"]
    for name, code in codes.items():
        if _VERDICTS.get(code) is Verdict.SURVIVED and not survivors_too:
            codes[name] = None
    return json.dumps(kept)


def _codes(path: Path) -> Iterator[tuple[str, int | None]]:
    try:
        yield from json.loads(path.read_text("utf-8"))["exit_code_by_key"].items()
    except ValueError:
        return
