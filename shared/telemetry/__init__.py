"""What the service tells of itself: counters kept in SQL, the request that a job came from, and traces."""
