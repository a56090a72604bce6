"""Guiju (规矩): a generative-AI service inside the rules. See docs/architecture.md."""

__version__ = "0.1.0"
