"""Other systems over the same training, and what they are compared by."""
