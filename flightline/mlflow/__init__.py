"""MLflow: finished jobs exported to its runs, its runs imported as jobs, over its REST API and without its package."""
