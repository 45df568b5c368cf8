"""Jobs in lists: which ones a command is about, which of their fields it shows, and several side by side."""
