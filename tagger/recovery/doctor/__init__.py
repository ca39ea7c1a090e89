"""`tagger doctor`: looks at everything that the services stand on, and changes nothing."""
