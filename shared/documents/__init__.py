"""JSON documents that people send: reading them, pointing into them, and saying what is wrong with them."""
