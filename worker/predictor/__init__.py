"""The predictor: a process that answers questions about finished jobs' networks and about data sets' images."""
