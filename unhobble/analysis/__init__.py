"""From rollouts to findings, by pure functions."""
