"""Artifacts in a folder or in an object store: files, their faults, and orphans, which no row names."""
