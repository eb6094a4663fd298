"""The load driver where there is no C compiler: epoll, same options and JSON as load.c.

Much slower than load.c: it measures itself as much as the host, and the report says so.
"""

from __future__ import annotations

import argparse
import json
import select
import signal
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ANSWER_DEADLINE_S = 10.0
# fmt: off
LENGTHS = (0, 0, -2, 6, 12, 12, 12, 10, 8, 8, 8, 6, 6, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2, 1, 9, 9, 9, 9,
           -2, -2, -2, -2, -3, 12, 6, 2, 3, 8, 15)
# fmt: on


class Message(NamedTuple):
    """A message to send, and where its STAN and RRN stand."""

    body: bytes
    stan_at: int
    rrn_at: int


class Connection:
    """One socket with its requests in flight, by STAN; once: the one, by its place among the messages."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.sent_at: dict[bytes, float] = {}
        self.left: deque[int] = deque()


class Load:
    """One run: the counts, the latencies, and the number that makes each request new."""

    def __init__(self, messages: list[Message], seed: int) -> None:
        self.messages = messages
        self.seed = seed
        self.sent = self.answered = self.unmatched = self.closed = self.timeouts = 0
        self.codes: Counter[str] = Counter()
        self.latencies: list[float] = []

    def send(self, connection: Connection, due: float | None = None) -> None:
        """Send the next message with a STAN and RRN of its own; its latency counts from when it was due."""
        body, stan_at, rrn_at = self.messages[self.sent % len(self.messages)]
        stan = b"%06d" % (self.seed % 999_999 + 1)
        body = body[:stan_at] + stan + body[stan_at + 6 : rrn_at] + b"%012d" % self.seed + body[rrn_at + 12 :]
        self.seed += 1
        self.sent += 1
        connection.sent_at[stan] = time.perf_counter() if due is None else due
        connection.socket.sendall(len(body).to_bytes(2, "big") + body)

    def receive(self, connection: Connection, window: tuple[float, float]) -> bool:
        """Take what has arrived; False when the host has closed the connection."""
        data = connection.socket.recv(65_536)
        now = time.perf_counter()
        for frame in frames(connection, data):
            begun = self.take(connection, frame)
            if begun is None:
                self.unmatched += 1
                continue
            self.answered += 1
            if window[0] <= now <= window[1]:
                self.latencies.append(now - begun)
        return bool(data)

    def take(self, connection: Connection, frame: bytes) -> float | None:
        """Count an answer; return when its request was sent, None where there was none."""
        at = find_fields(frame)
        begun = connection.sent_at.pop(frame[at[11] : at[11] + 6], None)
        if begun is not None:
            self.codes[frame[at[39] : at[39] + 2].decode("ascii") if 39 in at else "none"] += 1
        return begun


class Once(Load):
    """One run of messages that are sent as they are, each once: connection k of n has numbers k, k + n ... in order."""

    def __init__(self, bodies: list[bytes], connections: list[Connection]) -> None:
        super().__init__([], 0)
        self.bodies = bodies
        self.answers = [b""] * len(bodies)
        for first, connection in enumerate(connections):
            connection.left.extend(range(first, len(bodies), len(connections)))

    def send(self, connection: Connection, _due: float | None = None) -> None:
        """Send the connection's next message."""
        body = self.bodies[connection.left[0]]
        self.sent += 1
        connection.sent_at[b""] = time.perf_counter()
        connection.socket.sendall(len(body).to_bytes(2, "big") + body)

    def take(self, connection: Connection, frame: bytes) -> float | None:
        """Keep the answer to the one message in flight."""
        begun = connection.sent_at.pop(b"", None)
        if begun is not None:
            self.answers[connection.left.popleft()] = frame
        return begun


def frames(connection: Connection, data: bytes) -> Iterator[bytes]:
    """Yield what is complete after the arrival of ``data``, without lengths."""
    connection.received += data
    while len(connection.received) >= 2:
        size = int.from_bytes(connection.received[:2], "big") + 2
        if len(connection.received) < size:
            return
        frame = bytes(connection.received[2:size])
        del connection.received[:size]
        yield frame


def find_fields(message: bytes) -> dict[int, int]:
    """Where the contents of the fields up to 42 begin."""
    bitmap = int(message[4:20], 16)
    position = 36 if bitmap >> 63 else 20
    at: dict[int, int] = {}
    for field in range(2, 43):
        if bitmap >> (64 - field) & 1:
            size = LENGTHS[field]
            if size < 0:
                position -= size
                size = int(message[position + size : position])
            at[field] = position
            position += size
    return at


def read_messages(path: Path) -> list[Message]:
    """Read one message in hex from each line."""
    bodies = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    return [Message(body, at[11], at[37]) for body in bodies for at in [find_fields(body)]]


def run_once(load: Once, connections: list[Connection], seconds: float) -> float:
    """Send everything, at most for so long; return the seconds until the last answer."""
    poller = select.epoll()
    by_number = {one.socket.fileno(): one for one in connections}
    for number in by_number:
        poller.register(number, select.EPOLLIN)
    begin = last = time.perf_counter()
    end = begin + seconds
    while any(one.left for one in by_number.values()) and time.perf_counter() < end:
        for one in by_number.values():
            if one.left and not one.sent_at:
                load.send(one)
        for number, _ in poller.poll(0.02):
            last = time.perf_counter()
            if not load.receive(by_number[number], (begin, end)):
                load.closed += 1
                load.timeouts += len(by_number.pop(number).sent_at)
                poller.unregister(number)
    load.timeouts += sum(len(one.sent_at) for one in by_number.values())
    poller.close()
    return last - begin


def fill_open_loop(load: Load, free: list[Connection], rate: float, begin: float) -> None:
    """Send what is due, round robin; what finds every connection full stays due and its waiting counts."""
    while free and (due := begin + load.sent / rate) <= time.perf_counter():
        load.send(free[0], due)
        free.append(free.pop(0))


def run(load: Load, connections: list[Connection], options: argparse.Namespace) -> float:
    """Load the host until the time is up, or SIGTERM comes; return the seconds measured."""
    poller = select.epoll()
    by_number = {one.socket.fileno(): one for one in connections}
    for number in by_number:
        poller.register(number, select.EPOLLIN)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    begin = time.perf_counter() + options.warm
    end = begin + options.seconds
    while (now := time.perf_counter()) < end + ANSWER_DEADLINE_S and by_number:
        end = min(now, end) if stopped else end
        free = [one for one in by_number.values() if len(one.sent_at) < options.depth]
        if now < end and options.rate:
            fill_open_loop(load, free, options.rate, begin - options.warm)
        elif now < end:
            for one in free:
                while len(one.sent_at) < options.depth:
                    load.send(one)
        elif not any(one.sent_at for one in by_number.values()):
            break
        for number, _ in poller.poll(0.001 if options.rate else 0.02):
            if not load.receive(by_number[number], (begin, end)):
                load.closed += 1
                load.timeouts += len(by_number.pop(number).sent_at)
                poller.unregister(number)
    load.timeouts += sum(len(one.sent_at) for one in by_number.values())
    poller.close()
    measured_s: float = end - begin
    return measured_s


def main() -> None:
    """Parse the options, run, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", dest="port", type=int, required=True)
    parser.add_argument("-m", dest="file", type=Path, required=True)
    parser.add_argument("-c", dest="connections", type=int, default=1)
    parser.add_argument("-d", dest="depth", type=int, default=1)
    parser.add_argument("-t", dest="seconds", type=float, default=10.0)
    parser.add_argument("-w", dest="warm", type=float, default=0.0)
    parser.add_argument("-s", dest="seed", type=int, default=1)
    parser.add_argument("-r", dest="rate", type=float, default=0.0, help="an open loop: so many requests a second")
    parser.add_argument("-o", dest="once", type=Path, help="send each message once, as it is; where the answers go")
    parser.add_argument("-j", dest="json", action="store_true", help="as load.c has it; JSON is all there is here")
    options = parser.parse_args()
    connections = [Connection(options.port) for _ in range(options.connections)]
    load: Load
    if options.once:
        load = once = Once([bytes.fromhex(line) for line in options.file.read_text("ascii").split()], connections)
        window_s = run_once(once, connections, options.seconds)
        options.once.write_text("".join(f"{answer.hex()}\n" for answer in once.answers), "ascii")
    else:
        load = Load(read_messages(options.file), options.seed)
        window_s = run(load, connections, options)
    waited = sorted(load.latencies) or [0.0]
    report = {
        "connections": options.connections,
        "depth": options.depth,
        "sent": load.sent,
        "answered": load.answered,
        "per_second": len(load.latencies) / window_s,
        "p50_ms": waited[len(waited) // 2] * 1000,
        "p99_ms": waited[int((len(waited) - 1) * 0.99)] * 1000,
        "max_ms": waited[-1] * 1000,
        "timeouts": load.timeouts,
        "closed": load.closed,
        "unmatched": load.unmatched,
        "undecodable": 0,
        "window_s": window_s,
        "driver_cpu_s": time.process_time(),
        "codes": dict(load.codes),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
