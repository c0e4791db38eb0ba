"""What may be varied. One file is one candidate, and the file's stem is its id: drop a file in, and it can be searched over.

``prompts/`` holds the words, ``tool_formats/`` how calls are written and read, ``scaffolds/`` the control loops, ``presets/``
ready-made spaces; ``space.py`` reads a space and hands out its configurations.
"""
