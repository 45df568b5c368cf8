"""Training: plans in, epochs and results out. Knows nothing of SQL, Celery or HTTP.

Imports the standard library, numpy, torch, torchvision and typing_extensions only. `plan` and `errors` import the
standard library alone.
"""
