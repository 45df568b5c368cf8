"""The worker: takes jobs from the queue and trains them on the device that it is pinned to."""
