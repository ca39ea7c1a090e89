"""Kafka → LiveChat: assemble each chat, find its keywords, set its tags."""
