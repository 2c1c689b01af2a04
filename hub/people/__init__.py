"""The people who are told: those of the config, and those who enrol and leave by themselves. Pure."""
