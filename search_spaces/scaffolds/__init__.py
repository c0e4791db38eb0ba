"""Agents' control loops. Each module without a leading underscore is one scaffold (``protocols.Scaffold``)."""
