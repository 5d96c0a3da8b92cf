"""Where a scenario runs: each target turns a scenario and a seed into a history."""
