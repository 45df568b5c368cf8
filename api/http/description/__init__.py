"""The API's description of itself: OpenAPI and the page that shows it."""
