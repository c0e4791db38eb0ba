"""Where an agent's commands run. Every module here whose name does not start with ``_`` is a backend; ``choose`` picks one."""

from sandboxes._choice import Choice, choose

__all__ = ["Choice", "choose"]
