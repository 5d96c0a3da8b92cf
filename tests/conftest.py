"""Settings that hold for every test."""

import os

from hypothesis import HealthCheck, settings

# One profile for everybody: no deadline (a busy machine is no failure), and the same examples in
# every run, so that a red run can be repeated. `make test-long` explores further with its own.
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
