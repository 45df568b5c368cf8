"""The state that a run must save to resume: checkpoints, running sums, the best epoch, elapsed time."""
