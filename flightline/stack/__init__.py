"""The processes that `flightline up` starts, and the home that they live in."""
