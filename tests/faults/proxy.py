"""A TCP proxy that delays and cuts connections.

    proxy.py HOST TARGET_HOST TARGET_PORT PORT...

Every PORT of HOST leads to the target. Commands come on standard input, one a line:

    delay PORT SECONDS   what comes from either side is handed on that much later; 0 = at once
    cut PORT             all connections are reset, and later ones at once
    pass PORT            later ones are let through

Ends at end-of-file. Prints "ready" once it listens.
"""

import asyncio
import os
import socket
import struct
import sys

_READ_BYTES = 64 << 10


class Door:
    """One port: its connections and how they are treated."""

    def __init__(self, target):
        self._target = target
        self._delay = 0.0
        self._is_cut = False
        self._writers = set()

    def set_delay(self, seconds):
        self._delay = seconds

    def cut(self):
        self._is_cut = True
        for writer in list(self._writers):
            _reset(writer)

    def let_pass(self):
        self._is_cut = False

    async def serve(self, reader, writer):
        if self._is_cut:
            return _reset(writer)
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return _reset(writer)
        pair = {writer, target_writer}
        if self._is_cut:  # Meanwhile.
            for each in pair:
                _reset(each)
            return
        self._writers |= pair
        try:
            await asyncio.gather(self._hand_on(reader, target_writer), self._hand_on(target_reader, writer))
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _hand_on(self, reader, writer):
        loop = asyncio.get_running_loop()
        waiting = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(waiting, writer))
        try:
            while data := await reader.read(_READ_BYTES):
                waiting.put_nowait((loop.time() + self._delay, data))
        except OSError:
            pass
        waiting.put_nowait((loop.time() + self._delay, b""))
        await sender

    async def _send(self, waiting, writer):
        """Each piece at its time; the empty one is the end."""
        loop = asyncio.get_running_loop()
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data or writer.is_closing():
                return writer.close()
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                return writer.close()


def _reset(writer):
    """Ends the connection as a crashed machine would, not with an orderly end."""
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        return  # It is closed already.
    writer.transport.abort()


def _obey(doors, line):
    command, port, *arguments = line.split()
    door = doors[int(port)]
    if command == "delay":
        door.set_delay(float(arguments[0]))
    elif command == "cut":
        door.cut()
    elif command == "pass":
        door.let_pass()
    else:
        raise ValueError(f"unknown command {command!r}")


async def _main(host, target_host, target_port, *ports):
    doors = {int(port): Door((target_host, int(target_port))) for port in ports}
    servers = [await asyncio.start_server(door.serve, host, port) for port, door in doors.items()]
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        _obey(doors, line.decode())
    for server in servers:
        server.close()
    os._exit(0)  # With whatever connections there are.


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
