"""One assigned partition: where it resumes, which jobs are due, and what may be committed. Begin at `partition`."""
