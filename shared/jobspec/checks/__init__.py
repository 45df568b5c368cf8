"""What a specification must obey beyond its fields' types, and what its network costs."""
