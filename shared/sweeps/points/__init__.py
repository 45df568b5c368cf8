"""The points of a sweep: the space that they are of, how each is chosen, and the jobs at them."""
