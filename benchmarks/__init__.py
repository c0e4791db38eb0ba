"""Measurements of what Unhobble costs, beside others' tools on the same machine. Not part of what is installed."""
