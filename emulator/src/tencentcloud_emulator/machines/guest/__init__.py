"""What runs inside a machine; copied into it, never imported by the emulator."""
