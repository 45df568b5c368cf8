"""Every state change and every read of a job, each in one transaction."""
