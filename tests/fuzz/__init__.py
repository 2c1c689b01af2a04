"""What strangers send, as targets of fuzzing: bytes in, and only an answer or a reason comes out."""
