"""How any process of ours starts, reaches Kafka, reports its health, and stops."""
