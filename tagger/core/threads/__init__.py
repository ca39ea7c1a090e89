"""Records in, the threads of one partition out: what happened and was said. Begin at `facts`, then `thread`."""
