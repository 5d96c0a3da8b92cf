"""The README's answers are those that its scenarios give."""

from __future__ import annotations

import simrt
from tests.docs.answers import ANSWERS, FOLDER, README, SEED, table
from tests.docs.generated import between
from tests.histories import Histories


def test_the_answers_are_those_of_the_runs(histories: Histories) -> None:
    written = between(README.read_text("utf-8"), "answers")
    now = table(lambda scenario: histories.of(scenario, "sim", SEED))
    assert written == now, "run python -m tests.docs.answers"


def test_every_question_has_an_answer() -> None:
    answered = {name for answer in ANSWERS for name in answer.files}
    assert answered == {path.stem for path in FOLDER.glob("*.yml")}
    for path in (FOLDER.parent).glob("*/*.yml"):
        question = simrt.load(path).question
        assert 1 <= question.count("?") + question.count(".") <= 3, f"{path.name}: {question}"
