"""Personal information and secrets: scanner.py is the detector, the other files are its kinds and what they share."""
