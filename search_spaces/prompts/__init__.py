"""The words. Each YAML file without a leading underscore is one prompt (see ``_bubblewrap.files``); the file's stem is its id."""

from search_spaces.prompts._files import plugins

__all__ = ["plugins"]
