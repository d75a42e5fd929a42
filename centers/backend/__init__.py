"""The PostgreSQL backend whose every transaction carries the scope of the actor."""
