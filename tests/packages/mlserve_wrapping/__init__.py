"""Packages for `pyramid.includes` that put something around every view."""
