"""The commands about who may ask, and who is told."""
