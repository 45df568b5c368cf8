"""Replays: jobs that repeat another in order to be compared with it, and what the comparison says."""
