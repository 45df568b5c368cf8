"""What gunicorn serves: `gunicorn -c python:api.gunicorn_conf api.wsgi:app`. Imported in each process after its fork.

Timers that belong to a serving process, such as the reconciler's, start here and nowhere else.
"""

from __future__ import annotations

from api.app import create_app

app = create_app()
