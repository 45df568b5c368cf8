"""The training of a job, written out: optimizer, schedule, loop."""
