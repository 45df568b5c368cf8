"""What workers do to jobs: attempts, their leases, their log lines, and what follows when one ends."""
