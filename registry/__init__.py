"""The Django project: settings, processes, URL roots. Nobody imports it."""
