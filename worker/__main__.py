"""`python -m worker --device cpu|cuda:N|auto`: pins the device, then starts."""

from __future__ import annotations

import sys

from worker.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
