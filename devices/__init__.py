"""What stands in the field: profiles of device models and the decoders of their payloads."""
