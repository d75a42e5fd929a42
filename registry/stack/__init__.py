"""The one-command stack: PostgreSQL and Valkey from their wheels, and the processes of the registry.

No module here imports Django: `manage.py` uses them before settings can load.
"""
