"""What equal jobs have trained, used again: one that runs is waited for, one that has finished serves, one goes on."""
