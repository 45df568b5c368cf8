"""The images that a run reads, and what a worker reports of its data sets."""
