"""The `flightline` command: arguments, output, tables, progress."""
