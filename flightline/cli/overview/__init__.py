"""The overview that `flightline top` shows: what is read of the service, how it is drawn, and the screen it fills."""
