"""Records in, the threads of one partition out: what happened and was said, by id and by age."""
