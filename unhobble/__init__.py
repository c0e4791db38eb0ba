"""Unhobble's kernel: what it takes to run, and to judge, one rollout."""

__version__ = "0.1.0"
