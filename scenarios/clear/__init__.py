"""The plaintext twin: the same network in the clear, as floats and in exact fixed point."""
