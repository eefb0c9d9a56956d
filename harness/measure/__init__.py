"""Measurement: peak memory, devices and the environment a run happened in."""
