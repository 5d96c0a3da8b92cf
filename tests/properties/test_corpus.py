"""Every generated scenario keeps every promise, and together they meet every state.

One test, so that one process sees the whole corpus, whatever the number of workers. Longer:
``SIMRT_SCENARIOS_EXAMPLES=20000 HYPOTHESIS_PROFILE=explore``.
"""

from __future__ import annotations

import pytest

from simrt.checkers import STATES
from tests.properties.corpus import Corpus, explore
from tests.properties.runs import corpus_size, examples


@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3", "BUF-2", "BUF-3", "TTL-3", "REP-7", "NET-9")
def test_no_promise_is_broken_and_every_state_is_reached():
    corpus = explore(examples())
    if corpus.unreached():  # a change of the generator may have made a rare state rarer
        corpus = explore(examples(4))
    assert corpus.scenarios >= corpus_size()
    assert corpus.unreached() == []


def test_a_state_that_is_never_reached_is_noticed():
    corpus = Corpus()
    corpus.reached.update(dict.fromkeys(STATES, 1) | {"duplicate": 0})
    assert corpus.unreached() == ["duplicate"]
