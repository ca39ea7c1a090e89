"""How any process of ours starts, reaches Kafka, says how it is, and stops."""
