"""Checks of a specification beyond its fields' types, and the cost of its network."""
