"""The engine against the naive one, over random callers (every rule from HUB to ACC-1).

Longer: ``SIMRT_MACHINE_EXAMPLES=2000 SIMRT_MACHINE_STEPS=500 HYPOTHESIS_PROFILE=explore``.
"""

import os

import pytest
from hypothesis import settings

from .machine import EngineMachine, RecordingMachine, ResumingMachine

length = settings(
    max_examples=int(os.environ.get("SIMRT_MACHINE_EXAMPLES", "200")),
    stateful_step_count=int(os.environ.get("SIMRT_MACHINE_STEPS", "50")),
)

pytestmark = pytest.mark.rules("PUB-4", "BUF-5", "ACC-1", "DLV-2", "HUB-4")

TestLazily = EngineMachine.TestCase
TestLazily.settings = length

TestWhileRecording = RecordingMachine.TestCase
TestWhileRecording.settings = length

TestResuming = ResumingMachine.TestCase
TestResuming.settings = length
