"""Logging, the request id and in-process counters."""
