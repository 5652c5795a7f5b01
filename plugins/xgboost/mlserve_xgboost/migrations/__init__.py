"""Migrations of the family's own tables."""
