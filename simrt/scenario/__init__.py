"""The scenario: model, loading, distributions, arrivals."""
