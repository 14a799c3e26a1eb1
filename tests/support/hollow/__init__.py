"""Acts out the runner of machines that run no process (R34), in a process of its own.

Told of each new machine by the control API, it reads the machine's real user data and does over
HTTP, with the presigned URLs found there, what boot script and runner do. What it does not do:
wait the jitter of a boot, run a command, move data.
"""
