"""Paths as seen from inside a sandbox."""

PLACES = ("/work", "/home/agent", "/tmp", "/tests")  # noqa: S108 (the sandbox's own, a promise of the Sandbox protocol)
"""Where files may be written and read, as seen from inside a sandbox."""


def locate(path: str, *, directory: bool = False) -> tuple[str, list[str]]:
    """The place that ``path`` lies in and the names below it; of a ``directory``, the place itself will do.

    Raises ``ValueError`` where it lies in none.
    """
    for place in PLACES:
        if path.startswith(place + "/") or (directory and path == place):
            names = [name for name in path[len(place) :].split("/") if name not in {"", "."}]
            if (names or directory) and ".." not in names and "\0" not in path:
                return place, names
    what = "a directory at or" if directory else "a file"
    raise ValueError(f"{path!r} is not the path of {what} below {', '.join(PLACES)}, free of '..'")
