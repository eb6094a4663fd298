from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    sample["id"]: sample["hex"]
    for sample in map(json.loads, (ROOT / "tests/vectors/messages.jsonl").read_text("utf-8").splitlines())
}
PAN_OF_S18B = "6225000000000014"


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switch", "doctor", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_bytes_are_told_with_evidence_dialect_and_listener() -> None:
    done = run(SAMPLES["S18b"])

    assert done.returncode == 0
    assert done.stdout.startswith("2-byte binary length + TPDU + 6-byte header + BCD with binary bitmap (9")
    assert "Every field fits unionpay-pos" in done.stdout
    assert 'dialect = "unionpay-pos"' in done.stdout
    assert PAN_OF_S18B not in done.stdout.replace(" ", "")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_standard_input_and_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "frame.txt"
    path.write_text(SAMPLES["B1"], "ascii")

    assert "12-byte header" in run("-", stdin=SAMPLES["B1"]).stdout
    assert f"{path.name} is hex text" in run(str(path)).stdout.replace("\n", "")


def test_what_is_not_recognised_is_told_by_the_exit_status() -> None:
    assert run("00 01 02 03").returncode == 1
    assert "TLS handshake" in run("16 03 01 02 00 01 00 01 fc").stdout


def test_what_is_no_hex_is_a_slip_of_usage() -> None:
    done = run("nosuchfile.pcap")

    assert done.returncode == 2
    assert "neither a file nor HOST:PORT" in done.stderr


def test_nobody_listening_is_exit_status_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    done = run(f"127.0.0.1:{port}")

    assert done.returncode == 3
    assert "Connection refused" in done.stdout


def test_a_host_that_hangs_up_on_everything_is_exit_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        done = run(f"127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)

    assert done.returncode == 1
    assert "unionpay-pos: sending 0820 with fields 41, 42, 60" in done.stdout
    assert "No dialect got an answer that parses." in done.stdout
