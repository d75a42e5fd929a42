"""Survival statistics on integer days: no framework, numpy only.

Every function takes `DayCounts` (how many events and censorings fell on each
day), so its cost grows with the number of distinct days, not of patients.
"""
