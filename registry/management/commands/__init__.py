"""Commands of the project itself: `up`."""
