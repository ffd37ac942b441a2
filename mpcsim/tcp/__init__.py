"""TCP on every link: what `[network] transport = "tcp"` adds to the link law (docs/emulator.md)."""
