"""The fields of a job's specification, as pydantic classes."""
