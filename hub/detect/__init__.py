"""One file a hazard: each a pure step from state and input to state and events."""
