"""The WSGI application: `gunicorn -c python:api.gunicorn_conf api.wsgi:app`, imported in each process after its fork.

Background threads, such as the reconciler's, are started by `gunicorn_conf.post_worker_init`.
"""

from __future__ import annotations

from api.app import create_app

app = create_app()
