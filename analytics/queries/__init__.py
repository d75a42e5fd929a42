"""Reading outcomes: every function runs in the scope of the caller."""
