"""Writes of this room: credentials and jobs, never clinical rows."""
