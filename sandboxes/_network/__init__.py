"""The way out of a sandbox that has one."""
