"""Starts dbus-broker's launcher as systemd would: PATH PROGRAM CONFIG."""

import os
import socket
import sys

JOURNAL = "/run/systemd/journal/socket"

path, program, config = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(4096)
listener.setblocking(False)

# The launcher does not start without a journal to log to. Where there is none, nobody reads it.
try:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(JOURNAL)
except OSError:
    os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
    if os.path.exists(JOURNAL):
        os.unlink(JOURNAL)
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(JOURNAL)
    os.set_inheritable(journal.fileno(), True)

if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(
    LISTEN_FDS="1",
    LISTEN_PID=str(os.getpid()),
    # The launcher is a client of its own broker.
    DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}",
)
os.execv(program, [program, "--scope", "user", "--config-file", config])
