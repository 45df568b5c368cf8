"""A person's own data sets: images checked by the workers' code, copied into place, and shown."""
