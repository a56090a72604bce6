"""The room of tokens and cost."""
