"""Webhooks: what carriers send us, each request proven by its signature."""
