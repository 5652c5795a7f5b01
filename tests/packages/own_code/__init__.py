"""Classes that predict, for the tests of the python family."""
