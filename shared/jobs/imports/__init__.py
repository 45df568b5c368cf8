"""Runs of other trackers, kept as finished jobs of the kind `imported`: read, stored, shown, never run."""
