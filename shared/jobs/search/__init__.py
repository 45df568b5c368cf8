"""What jobs are found by: the fields of their specs, conditions on them, and the words of their names and tags."""
