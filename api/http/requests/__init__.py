"""What a request asks for: bodies, parameters and pages, parsed and checked."""
