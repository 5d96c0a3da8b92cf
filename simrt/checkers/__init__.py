"""One file per promise: pure functions from a history to a verdict."""
