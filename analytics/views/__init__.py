"""Pages of outcomes and cohorts."""
