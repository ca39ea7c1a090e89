"""The client's world: many organizations, the real client and worker on virtual time, and a LiveChat that misbehaves."""
