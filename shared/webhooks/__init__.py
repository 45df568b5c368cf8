"""Webhooks: what happened, recorded with what happened, and sent to the addresses that asked for it."""
