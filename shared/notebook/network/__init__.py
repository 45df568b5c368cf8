"""The network of a job, written out."""
