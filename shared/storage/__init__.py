"""Artifacts in a folder or in an object store: files, their faults, and what nobody names any more."""
