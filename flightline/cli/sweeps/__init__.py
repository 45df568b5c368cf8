"""Sweeps in the terminal: their tables, and the best so far while one runs."""
