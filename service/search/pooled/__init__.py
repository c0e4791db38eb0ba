"""One Bayesian model of all rollouts of a search, what it says of the whole space, and the strategy that goes by it."""
