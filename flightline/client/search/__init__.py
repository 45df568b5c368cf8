"""The best of many jobs: sweeps, the leaderboard, comparisons."""
