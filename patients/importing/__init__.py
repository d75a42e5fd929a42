"""The import of bundles: reading, staging, matching with what is there, saving, reporting."""
