"""A fleet of simulated devices which speak the wire as the real firmware does."""
