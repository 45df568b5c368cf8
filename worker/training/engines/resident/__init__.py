"""The engine that keeps both splits on the device and runs blocks of batches through autograd."""
