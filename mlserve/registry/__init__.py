"""Models, versions, the aliases that name them, and how a process follows: loads, swaps and drains them."""
