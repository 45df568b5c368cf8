"""One job in the child process: claim, lease, training, records, checkpoints, artifacts."""
