"""The leaderboard: configurations ranked by what their seeds prove, and the seeds that would prove more."""
