"""Every read of jobs that the API serves."""
