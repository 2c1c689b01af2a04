"""What the hub writes down of its work: `lines` is how a line looks, `journal` what the path says."""
