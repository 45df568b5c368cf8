"""Optimizers, learning-rate schedules, weight averaging and the loss."""
