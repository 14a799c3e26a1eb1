"""Every file that is written from code, behind one command: `python -m dev.generate [--check]`."""
