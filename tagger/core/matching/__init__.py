"""Rules and a conversation in; tags, reasons and near misses out."""
