"""Pages of the clinical record: each reads, calls one action or query, and answers."""
