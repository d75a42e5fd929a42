"""`manage.py bench`: the product measured against plain alternatives, on a cluster of its own."""
