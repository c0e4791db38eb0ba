"""What the organism server costs, and whether it keeps to the latency it was given."""
