"""Prometheus metrics: what requests each process has answered, and what the database and Redis hold."""
