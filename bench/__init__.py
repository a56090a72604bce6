"""`make bench`: what governing costs, beside nginx that only passes through; same machine, same run, same upstream.

Never a test: numbers of a busy machine say little, ratios of one run say something.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))  # services.py: free ports, and where nginx is
