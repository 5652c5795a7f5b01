"""Metrics for Prometheus: measured in each process, written into a slot file, and summed by whichever answers."""
