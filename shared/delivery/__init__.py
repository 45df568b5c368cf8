"""Messages through Redis: the broker, the publisher, and the reconciler that replaces what was lost."""
