"""One file a payload family, each with `decode(model, fport, data) -> Frame`."""
