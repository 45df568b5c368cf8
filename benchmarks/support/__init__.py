"""What several groups of benchmarks share: the measured service, the table, timing in turn."""
