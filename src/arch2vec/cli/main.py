"""Parses the command line, calls one command, and turns errors into exit codes.

Nothing heavy is imported before a command runs: ``arch2vec --help`` answers at
once. Exit codes: 0 done, 2 bad input (one line on stderr), 1 failure.
"""

from __future__ import annotations

import argparse
import errno
import io
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from arch2vec import __version__
from arch2vec.cli import (
    data,
    experiment,
    export,
    generation,
    pareto,
    pretraining,
    proxies,
    report,
    representation,
    searching,
    status,
)
from arch2vec.cli.output import only_json_on_stdout
from arch2vec.common.request import given_as
from arch2vec.errors import InputError, WorkerError

_DESCRIPTION = (
    "Learn what neural architectures look like before a single one is trained, "
    "then find a good one with as few trainings as possible."
)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_WAY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ELOOP)


def _path(text: str) -> Path:
    from arch2vec.common.arguments import path_of

    try:
        return path_of(text, "this")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and whose paths are what they stand for, as in ``--out=~/study``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(prog="arch2vec", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"arch2vec {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    groups = (pretraining, representation, generation, proxies, searching, data, export, experiment, pareto, status)
    for group in (*groups, report):
        group.add_commands(commands)
    return parser


def _print_anything() -> None:
    """Let no character stop an output: folders may have names that are no text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the process's) and return its exit code."""
    _print_anything()
    parser = build_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:  # of the command that they were given to, so that its --help is named
        getattr(arguments, "parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        words = sys.argv[1:] if argv is None else argv
        with only_json_on_stdout(getattr(arguments, "json", False)), given_as(words):
            arguments.run(arguments)
    except InputError as error:
        print(f"arch2vec: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except WorkerError as error:
        print(f"arch2vec: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        reason = " ".join(str(error).split())
        print(f"arch2vec: there is not enough memory{f' ({reason})' if reason else ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("arch2vec: interrupted; what was finished is kept", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output went away; keep Python from complaining about it at exit.
        sys.stdout = None
        return 1
    except OSError as error:
        if error.errno == errno.EBADF:
            print("arch2vec: a file that this command had open was closed, by the objective's code?", file=sys.stderr)
            return 1
        if error.errno in _NO_WAY and error.filename is not None:
            print(f"arch2vec: cannot use {error.filename}: {error.strerror}", file=sys.stderr)
            return 2
        if error.errno not in _NO_ROOM:
            raise
        print(
            f"arch2vec: cannot write {error.filename or 'a file'}: {error.strerror}; what was finished before is "
            "kept: make room and repeat the command",
            file=sys.stderr,
        )
        return 1
    return 0


def program() -> int:
    """Run the process's command line, whose end Python puts off while a thread of the user's code is at work."""
    status = main()
    left = [t for t in threading.enumerate() if t is not threading.current_thread() and not t.daemon]
    if left:
        threading.Thread(target=_tell_of_threads, args=(left,), daemon=True).start()
    return status


_PATIENCE_S = 2.0  # for threads that end by themselves


def _tell_of_threads(left: Sequence[threading.Thread]) -> None:
    time.sleep(_PATIENCE_S)
    at_work = ", ".join(thread.name for thread in left if thread.is_alive())
    if at_work:
        print(
            f"arch2vec: all is done, but threads that the objective's code has started are at work ({at_work}); "
            "they are waited for, Ctrl-C ends them",
            file=sys.stderr,
        )
