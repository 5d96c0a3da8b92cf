"""Marks that several files of tests share."""

import pytest

# Beside other tests its callers may be late, and then the run rightly says that it cannot keep up.
paced = pytest.mark.alone("a server that runs freely keeps real time: calls of hooks are in time")
calibrated = pytest.mark.alone("what the kernel holds and repeats is measured, in real time")
