"""`make guardbench`: gateways with their guards on, side by side: what they cost, and what they let through. See README.md."""
