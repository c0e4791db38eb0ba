"""What the bubblewrap backend is made of."""
