"""What the Docker backend is made of."""
