"""Search strategies, and what others search with, on surfaces whose best is known."""
