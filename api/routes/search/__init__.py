"""The endpoints for finding the best of many jobs: sweeps, the leaderboard, comparisons."""
