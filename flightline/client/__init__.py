"""The Python client: HTTP, retries, event streams, records."""
