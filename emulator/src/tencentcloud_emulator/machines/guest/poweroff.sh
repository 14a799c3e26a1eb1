#!/bin/sh
# Asks PID 1 to power the machine off, as systemd would be asked.
exec kill -38 1
