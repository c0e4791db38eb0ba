"""Iterated racing, from López-Ibáñez et al. 2016, https://doi.org/10.1016/j.orp.2016.09.002."""
