"""Personal data in texts: structured types by linear-time patterns with checksums and context, names by the pack."""
