"""The measured service: its processes, its workers or who stands in for them, its database filled."""
