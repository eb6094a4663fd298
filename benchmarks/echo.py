"""Bare trio echo of frames with a 2-byte length: what the same messages cost with no switch at all.

Started as ``python echo.py PORT``; the one change it makes is the third digit of the MTI, from request to answer.
"""

from __future__ import annotations

import sys

import trio

LIFETIME_S = 600


async def serve(stream: trio.SocketStream) -> None:
    """Answer every frame of one connection."""
    buffer = bytearray()
    while data := await stream.receive_some(65536):
        buffer += data
        out = bytearray()
        while len(buffer) >= 2:
            size = buffer[0] << 8 | buffer[1]
            if len(buffer) < size + 2:
                break
            frame = bytes(buffer[: size + 2])
            del buffer[: size + 2]
            out += frame[:4] + b"1" + frame[5:]
        if out:
            await stream.send_all(out)


async def main() -> None:
    """Listen on loopback, for a bounded time."""
    with trio.move_on_after(LIFETIME_S):
        await trio.serve_tcp(serve, int(sys.argv[1]), host="127.0.0.1")


if __name__ == "__main__":
    trio.run(main)
