"""What sandboxes cost: rollouts beside Inspect AI, the latency of a command, memory, and opening."""
