"""Jobs while they run: their events, their logs, and waiting for one or many."""
