"""LiveChat → Kafka: take a webhook, store it, answer 200."""
