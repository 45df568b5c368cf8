"""The HTTP API: parse, act through `shared`, answer. It never loads torch and never waits for a worker."""
