"""One file per subcommand of `tagger`."""
