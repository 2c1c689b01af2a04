"""What the hub is measured beside."""
