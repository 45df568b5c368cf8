"""What is known of the machines: workers, the data sets they hold, predictors."""
