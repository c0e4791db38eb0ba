"""Search strategies. One file = one strategy; the file's stem is its id."""
