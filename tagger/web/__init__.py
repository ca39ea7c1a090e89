"""The page for the people who edit keyword files and ask why a chat got its tags. Read-only.

Each screen is a room: what was asked and what is shown are values, made by pure functions; routes only carry them.
"""
