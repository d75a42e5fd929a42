"""The REST API: de-identified rows for programs."""
