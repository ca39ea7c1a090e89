"""A pretend LiveChat on the loopback, built from LiveChat's documented shapes."""
