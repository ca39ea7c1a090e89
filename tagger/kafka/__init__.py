"""Kafka's side of the tagger: the only room that knows aiokafka."""
