"""A small spreadsheet that runs in a terminal. SPEC.md says what it does."""
