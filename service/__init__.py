"""The controller, its API and its command line."""
