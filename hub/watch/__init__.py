"""The hub watches itself, and is watched: vitals, reports, signs of life to systemd and outside."""
