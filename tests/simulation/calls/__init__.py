"""The API client in seeded histories: the real client and worker on virtual time, and a LiveChat that misbehaves."""
