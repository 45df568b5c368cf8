"""The commands about the service itself: its programs, what it has, its backups and its data sets."""
