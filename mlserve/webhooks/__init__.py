"""What happens in the registry and to keys and users, sent to URLs of the INI as Standard Webhooks."""
