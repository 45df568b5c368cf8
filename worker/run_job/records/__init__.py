"""What a run leaves: epochs, checkpoints and files, and the storage that takes them."""
