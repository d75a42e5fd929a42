"""The synthetic demo cohort: a framework-free generator, and its seeding through the actions."""
