"""Print the API's OpenAPI document, of which `npm run schema` makes the page's types."""

import json
import sys

from api.app import ROUTES
from api.http.description.openapi import describe

operations = [operation for routes in ROUTES for operation in routes.operations]
json.dump(describe(operations, "0"), sys.stdout, indent=1)
