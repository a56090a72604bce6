"""Detectors that are elsewhere: how each service is asked about a text, and what its answers mean. Pure."""
