"""A disk that takes no more: every answer is a system error, the switch says that it is not ready, and recovers."""

from __future__ import annotations

import resource
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trio

from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.admin.http import Told, ask
from tests.crash.server import CARDS, MERCHANT, TERMINALS, Server, install, serving

DEADLINE_S = 60.0
DIALECT = load_dialect("iso8583-1987-ascii")
LISTENING = "0A"


def listens_on(server: Server) -> set[int]:
    """The ports on which the process listens, as the kernel knows them."""
    process = Path(f"/proc/{server.process.pid}")
    sockets = {str(link.readlink()) for link in (process / "fd").iterdir() if link.is_symlink()}
    rows = [row.split() for row in (process / "net" / "tcp").read_text().splitlines()[1:]]
    ours = [row[1] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]
    return {int(address.partition(":")[2], 16) for address in ours}


async def admin_of(server: Server) -> tuple[str, int]:
    """The admin address, which is opened after the terminals'."""
    while not (others := listens_on(server) - {server.address[1]}):
        await trio.lowlevel.checkpoint()
    return "127.0.0.1", others.pop()


def purchase(stan: int) -> Fields:
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    return {
        0: "0200", 2: next(iter(CARDS)), 3: "000000", 4: "000000000100", 7: f"{now:%m%d%H%M%S}", 11: f"{stan:06d}",
        12: f"{now:%H%M%S}", 13: f"{now:%m%d}", 14: "3012", 22: "021", 25: "00", 41: TERMINALS[0], 42: MERCHANT,
        49: "156",
    }  # fmt: skip


async def answered(stream: trio.abc.Stream, stan: int) -> str:
    """Send a purchase; its answer's DE 39."""
    codec, framer = Codec(DIALECT), DIALECT.framing.framer()
    await stream.send_all(DIALECT.framing.wrap_request(codec.encode(purchase(stan)), b""))
    while True:
        for frame in framer.feed(bytes(await stream.receive_some())):
            return codec.decode(frame.body)[39]


async def readyz(address: tuple[str, int]) -> Told:
    async with await trio.open_tcp_stream(*address) as stream:
        return await ask(stream, "/readyz")


def let_write(server: Server, size: int) -> None:
    """Let the switch's files grow to this size and no further; what it writes beyond fails."""
    for process in (server.process.pid, server.books_pid):
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only")
async def test_a_switch_on_a_full_disk_is_not_ready_until_there_is_room_again(
    sqlite_database: str, tmp_path: Path
) -> None:
    settings = install(tmp_path, sqlite_database)
    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server:
            admin = await admin_of(server)
            async with await trio.open_tcp_stream(*server.address) as stream:
                before = (await answered(stream, 1), (await readyz(admin)).status)
                let_write(server, 0)
                full = (await answered(stream, 2), await readyz(admin), await readyz(admin))
                let_write(server, resource.RLIM_INFINITY)
                freed = (await readyz(admin)).status
                after = await answered(stream, 3)

    assert before == ("00", 200)
    assert (full[0], full[1].status, full[2].status) == ("96", 503, 503)
    assert "nothing is stored" in full[1].body
    assert (freed, after) == (200, "00")
