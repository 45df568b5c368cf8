"""What is told as it happens: event streams, and the bell for the whole service."""
