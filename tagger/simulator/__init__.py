"""A pretend outside for `tagger demo` and the tests: LiveChat, visitors, a broker. Never for `tagger run`."""
