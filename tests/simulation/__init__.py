"""The pure core in seeded histories with every fault we know, checked against an oracle."""
