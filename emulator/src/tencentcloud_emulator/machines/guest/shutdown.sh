#!/bin/sh
# Powers the machine off now, whatever time is given. There is no reboot.
for word in "$@"; do
  case $word in
    -r | --reboot) echo "shutdown: this machine cannot reboot" >&2; exit 1 ;;
    -c) echo "shutdown: nothing is scheduled" >&2; exit 1 ;;
    -k) exit 0 ;;
  esac
done
exec kill -38 1
