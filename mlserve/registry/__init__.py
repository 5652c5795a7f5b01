"""Models and versions: what is registered, under which number, with which digest."""
