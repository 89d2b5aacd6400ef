"""Which drivers of a study are alive, so that what a dead one had begun can be begun again.

A driver of the same machine is dead when its process is gone. One of another machine is dead when its count of beats
in the storage has not changed for a while *by the clock of the one who looks*: clocks of different machines are
never compared.
"""

from __future__ import annotations

import functools
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PREFIX = "arch2vec driver "
BEAT_S = 10.0
SILENT_S = 90.0
"""A driver of another machine that has not been heard of for so long is dead."""


@functools.cache
def _machine() -> str:
    """The same for processes that can see each other's numbers."""
    parts = [socket.gethostname()]
    for path, read in (
        ("/proc/sys/kernel/random/boot_id", lambda path: Path(path).read_text().strip()),
        ("/proc/self/ns/pid", os.readlink),
    ):
        try:
            parts.append(read(path))
        except OSError:
            continue
    return " ".join(parts)


def _started(process: int) -> str | None:
    """When a process of this machine started, in the system's own units; None where there is none."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        pass
    else:
        fields = re.sub(r"^.*\)", "", text).split()
        return None if fields[0] in ("Z", "X") else fields[19]
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except OSError:
        pass
    return ""


class Drivers:
    """This driver among those of a study.

    Args:
        write: sets an attribute of the study.
        read: the attributes of the study.
    """

    def __init__(self, write: Callable[[str, Any], None], read: Callable[[], Mapping[str, Any]]) -> None:
        self.name = uuid.uuid4().hex
        self._write, self._read = write, read
        self._about = {"machine": _machine(), "process": os.getpid(), "started": _started(os.getpid())}
        self._heard: dict[str, tuple[int, float]] = {}  # the last beat of others, and when it was new to us
        self._stop = threading.Event()
        self._say(0)
        self._thread = threading.Thread(target=self._beat, name="arch2vec-beat", daemon=True)
        self._thread.start()

    def dead(self, name: str, known: Mapping[str, Any]) -> bool:
        """Whether a driver is dead.

        Args:
            name: of the driver.
            known: the attributes of the study.
        """
        if name == self.name:
            return False
        about = known.get(PREFIX + name)
        if about is None or not self.elsewhere(about):
            return not self.here(about)
        assert isinstance(about, dict)
        beat, now = int(about.get("beat", 0)), time.monotonic()
        last, since = self._heard.setdefault(name, (beat, now))
        if beat != last:
            self._heard[name] = beat, now
            return False
        return now - since > SILENT_S

    @staticmethod
    def here(about: Any) -> bool:
        """Whether what is known of a driver says that it is a process of this machine, and it lives."""
        if not isinstance(about, dict) or about.get("ended") or about.get("machine") != _machine():
            return False
        started = _started(int(about.get("process", 0)))
        return started is not None and started == about.get("started")

    @staticmethod
    def elsewhere(about: Any) -> bool:
        """Whether what is known of a driver says that it is of another machine, and has not taken leave."""
        return isinstance(about, dict) and not about.get("ended") and about.get("machine") != _machine()

    def alone(self, known: Mapping[str, Any]) -> bool:
        """Whether no other driver lives."""
        others = [key.removeprefix(PREFIX) for key in known if key.startswith(PREFIX)]
        return all(name == self.name or self.dead(name, known) for name in others)

    def end(self) -> None:
        """Take leave."""
        self._stop.set()
        self._thread.join(2.0)
        self._say(-1, ended=True)

    def _beat(self) -> None:
        beat = 0
        while not self._stop.wait(BEAT_S):
            beat += 1
            try:
                self._say(beat)
            except Exception as error:  # whoever works with the storage tells of it
                del error

    def _say(self, beat: int, **more: Any) -> None:
        self._write(PREFIX + self.name, {**self._about, "beat": beat, **more})
