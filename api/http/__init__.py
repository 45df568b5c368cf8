"""The layer under the endpoints: operations, parsing, problems, OpenAPI, security, streams."""
