"""What the API, the workers and the command have in common; imports none of them."""
