"""How near the emulator's TCP comes to a kernel's: the same traffic, predicted and over real sockets."""
