"""The pure core under seeded histories with every fault we know, against an oracle."""
