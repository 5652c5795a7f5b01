"""Who may do what: API keys, users with sessions, roles, rate limits, and the one place that asks for them."""
