"""Sweeps: searches over a space of jobs, whose trials are ordinary jobs."""
