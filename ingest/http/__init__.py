"""HTTP as it comes over one connection: its limits, deadlines, bodies and answers."""
