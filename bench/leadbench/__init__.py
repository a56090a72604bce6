"""`make leadbench`: what a lead over slow detectors leaks, and what it saves in delay. See README.md."""
