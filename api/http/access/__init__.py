"""Who sends a request, whether it may, and how often."""
