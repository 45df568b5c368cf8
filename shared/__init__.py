"""Code shared by the API, the workers and the command, none of which it imports."""
