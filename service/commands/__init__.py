"""The command line, one file for each group of commands. Whatever is slow to import is imported inside the commands."""
