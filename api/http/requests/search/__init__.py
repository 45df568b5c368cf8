"""What a request about sweeps or the leaderboard asks for."""
