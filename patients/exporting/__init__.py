"""A site takes out its own data: the bundle that the import reads, and what was signed."""
