"""What gunicorn serves: `gunicorn -c python:api.gunicorn_conf api.wsgi:app`. Imported in each process after its fork.

What runs beside it, such as the reconciler's timer, starts in `gunicorn_conf.post_worker_init`.
"""

from __future__ import annotations

from api.app import create_app

app = create_app()
