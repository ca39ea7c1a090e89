"""`tagger doctor`: checks everything that the services depend on, and changes nothing."""
