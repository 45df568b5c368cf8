"""Networks built from a plan."""
