"""Decide, prove and watch how a realtime feature delivers its messages."""
