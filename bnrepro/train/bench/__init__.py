"""What ``bnrepro bench`` sets side by side, each in a process of its own: a plain loop, ours, and the floor."""
