"""`make bench`: what governing costs, beside nginx that only passes through; same machine, same run, same upstream.

Never a test: numbers of a busy machine say little, ratios of one run say something.
"""
