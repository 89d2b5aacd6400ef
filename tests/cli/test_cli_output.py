"""Tables on the command line: nothing is cut off, whatever the width."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from arch2vec.cli import main
from arch2vec.cli.output import print_table

ROWS = [
    ["arch2vec-rl-release", "95.16 ± 0.54\n[94.93, 95.39]", "0.02"],
    ["|none~0|" * 6, "1.00 ± 0.00\n[1.00, 1.00]", "7"],
]
CODE = "from arch2vec.cli.output import print_table; print_table('T', ['method', 'validation, %', 'seconds'], {rows!r})"


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("T", ["method", "validation, %", "seconds"], ROWS, footer="what it is")
    text = capsys.readouterr().out
    for row in ROWS:
        for cell in row:
            assert all(line in text for line in cell.split("\n"))
    assert "what it is" in text


@pytest.mark.parametrize("columns", [36, 44, 48, 80])
def test_a_terminal_gets_lines_that_fit(columns: int) -> None:
    shown, hidden = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    # The second name is left out: on a narrow terminal it is folded into pieces.
    command = [sys.executable, "-c", CODE.format(rows=ROWS[:1])]
    subprocess.run(command, stdout=hidden, env=environment, check=True)
    os.close(hidden)
    text = os.read(shown, 100_000).decode()
    os.close(shown)
    lines = re.sub(r"\x1b\[[0-9;]*m|\r", "", text).splitlines()
    assert max(map(len, lines)) <= columns
    assert "0.02" in text
    if columns >= 40:
        assert "95.16 ± 0.54" in text and "[94.93, 95.39]" in text
    for place, cell in enumerate(ROWS[0], start=1):
        shown_of_it = "".join(line.split("│")[place] for line in lines if line.startswith("│"))
        assert shown_of_it.replace(" ", "") == cell.replace(" ", "").replace("\n", "")


def test_a_path_that_no_file_system_takes_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "nasbench201", "--out", str(tmp_path / ("x" * 300))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"arch2vec: cannot use {tmp_path}/xxx") and line.endswith("File name too long")
