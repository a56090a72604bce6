"""Guards as processes: host.py runs one, code.py finds its code. gateway/guards.py keeps and asks them."""
