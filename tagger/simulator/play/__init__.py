"""Visitors and what they say, played on a pretend LiveChat."""
