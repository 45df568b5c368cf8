"""The `flightline` command, which is also `python -m flightline`."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Load the command and run it; a Ctrl-C ends it without a traceback, even one that comes while it loads."""
    try:
        from flightline.cli.app import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
