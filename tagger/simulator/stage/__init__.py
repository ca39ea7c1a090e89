"""A broker, a pretend LiveChat and the real services, as processes."""
