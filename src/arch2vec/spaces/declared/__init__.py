"""Search spaces that users declare."""
