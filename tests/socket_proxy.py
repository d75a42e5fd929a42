"""A small proxy before PostgreSQL's socket that can lose the answer to a COMMIT."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

NAME = ".s.PGSQL.5432"
COMMIT = b"COMMIT\x00"


class SocketProxy:
    """Passes bytes on between a socket of its own and the server's. `lost` answers got lost."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder, self.lost, self._cuts = folder, 0, 0
        self._counting = threading.Lock()
        self._server = server / NAME
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / NAME))
        (folder / NAME).chmod(0o777)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Lose the answer to one COMMIT more."""
        with self._counting:
            self._cuts += 1

    def close(self) -> None:
        """No new connections."""
        self._listener.close()
        (self.folder / NAME).unlink()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server))
            except OSError:
                client.close()
                server.close()
                continue
            for one, other, asks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(one, other, asks), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        try:
            while data := one.recv(65536):
                if asks and COMMIT in data and self._takes_a_cut():
                    self._lose(one, other, data)
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            with contextlib.suppress(OSError):  # the other direction was first
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _takes_a_cut(self) -> bool:
        with self._counting:
            taken = self._cuts > 0
            self._cuts -= taken
        return taken

    def _lose(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        """The server gets the COMMIT and time to do it; the client never hears of it."""
        try:
            server.sendall(data)
        except OSError:  # a server that is gone has lost nothing of ours: the next one
            self.cut()
            raise
        with contextlib.suppress(OSError):  # a killed client hears of it even less
            client.shutdown(socket.SHUT_RDWR)
        server.settimeout(0.5)
        with self._counting:
            self.lost += 1
        try:
            while server.recv(65536):
                continue
        except TimeoutError:
            return
