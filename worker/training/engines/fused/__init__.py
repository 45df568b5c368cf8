"""The engine for fully connected networks: matrix products without autograd."""
