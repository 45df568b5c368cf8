"""A worker's two processes: the parent that stays free of torch, and the child that trains."""
