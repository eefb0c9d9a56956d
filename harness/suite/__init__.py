"""Suites: what to run, read from YAML and expanded into trials. Imports no machine-learning library."""
