"""The prediction resource and its log: every answered prediction is durable before its answer leaves."""
