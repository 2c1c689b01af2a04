"""Who is told, of what, by which channel, and when: from what an alert says to rows for the outbox. Pure."""
