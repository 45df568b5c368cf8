"""The subcommands of `flightline`, a few to a file."""
