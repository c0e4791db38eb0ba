"""Suites of tasks, and the adapters that read them: one file for each task format."""
