"""The images of a job: loading, drawing, checking, normalising and augmenting them, written out."""
