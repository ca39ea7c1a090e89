"""Requests to LiveChat's API and what its answers mean. Pure."""
