"""What a GPU is worth to every step of the path, in one command of a few minutes.

    python bench/gpu.py [--device cuda] [--out results/gpu] [--minutes 8] [--only STEP,STEP] [--again] [--small]

Each step writes what it found into OUT/gpu.json before the next one begins, and OUT/gpu.md is made of that; a step
that is there already is not repeated, so that the same command goes on where it was stopped. A step that
fails is noted with its error, and the others are run all the same. Steps are not begun after ``--minutes``.
``--small`` goes through all of it at a size for a processor; what needs a GPU says so.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import gpu_networks
import gpu_pretraining
import gpu_searches
from arch2vec import __version__
from arch2vec.common.devices import described, get_device
from arch2vec.common.storage import read_json, write_json, write_text
from gpu_common import Setting, peak_memory, synchronised, timed

Step = Callable[[Setting], dict[str, Any]]


def tests(setting: Setting) -> dict[str, Any]:
    """The tests that are marked ``gpu``."""
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", str(root / "tests" / "gpu")]
    if setting.device.type != "cuda":
        return {"skipped": "no GPU: the tests marked gpu would all be skipped"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    lines = done.stdout.strip().splitlines()
    return {"exit_code": done.returncode, "summary": lines[-1] if lines else "", "tail": lines[-30:]}


def rates(setting: Setting) -> dict[str, Any]:
    """What the device does at most: matrix products in three precisions, and copies in its memory."""
    size = 512 if setting.small else 8192
    found: dict[str, Any] = {}
    kinds = {"float32": (torch.float32, False), "bfloat16": (torch.bfloat16, False)}
    if setting.device.type == "cuda":
        kinds |= {"tf32": (torch.float32, True), "float16": (torch.float16, False)}
    for name, (kind, tf32) in kinds.items():
        a, b = (torch.randn(size, size, device=setting.device, dtype=kind) for _ in range(2))
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = tf32
        try:
            seconds = timed(lambda a=a, b=b: torch.mm(a, b), setting, repeats=5)  # type: ignore[misc]
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
        found[f"{name}_tflops"] = 2 * size**3 / seconds / 1e12
    block = torch.empty(1 << (22 if setting.small else 30), dtype=torch.uint8, device=setting.device)
    other = torch.empty_like(block)
    found["copy_gb_s"] = 2 * len(block) / timed(lambda: other.copy_(block), setting, repeats=5) / 1e9
    return found


STEPS: Mapping[str, Step] = {
    "rates": rates,
    "tests": tests,
    "pretraining-nasbench201": gpu_pretraining.nasbench201,
    "pretraining-nasbench101": gpu_pretraining.nasbench101,
    "embedding": gpu_pretraining.embedding,
    "searches": gpu_searches.rounds,
    "networks": gpu_networks.images_per_second,
    "darts-experiment": gpu_networks.darts_experiment,
    "repeatable": gpu_pretraining.repeatable,
    "pretraining-darts": gpu_pretraining.darts,
    "processor": gpu_pretraining.processor,
}
"""In the order of what is most wanted, should the time end."""


@dataclass
class Report:
    """The files that results are kept in."""

    folder: Path
    results: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, about: dict[str, Any]) -> Report:
        """What there is in a folder, unless it was found on another machine or at another size."""
        path = folder / "gpu.json"
        if path.exists():
            known = read_json(path)
            if isinstance(known, dict) and known.get("about") == about:
                return cls(folder, known)
            print(f"{path} is of another device, version or size: begun anew", flush=True)
        return cls(folder, {"about": about, "steps": {}})

    def note(self, step: str, found: dict[str, Any]) -> None:
        """Write a step's result down."""
        self.results["steps"][step] = found
        self._share(found)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "gpu.json", self.results)
        write_text(self.folder / "gpu.md", markdown(self.results))

    def _share(self, found: dict[str, Any]) -> None:
        """Say of what was computed in products of matrices how much it is of what the device can."""
        whole = self.results["steps"].get("rates", {}).get("float32_tflops")
        for row in (found, *(row for row in found.get("rows", []) if isinstance(row, dict))):
            if whole and "tflops" in row and row.get("where") != "cpu":
                row["share_of_float32_%"] = 100 * row["tflops"] / whole


def markdown(results: Mapping[str, Any]) -> str:
    """Results as tables: a line a number, and a table for every list of rows."""
    lines = ["# A GPU on every step", "", *(f"- {name}: {value}" for name, value in results["about"].items()), ""]
    for step, found in results["steps"].items():
        lines += [f"## {step}", ""]
        scalars = {name: value for name, value in found.items() if not isinstance(value, list)}
        lines += [f"- {name}: {_shown(value)}" for name, value in scalars.items()]
        for name, rows in found.items():
            if isinstance(rows, list) and rows and isinstance(rows[0], dict):
                columns = list(dict.fromkeys(column for row in rows for column in row))
                lines += ["", f"{name}:", "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
                lines += [f"| {' | '.join(_shown(row.get(column, '')) for column in columns)} |" for row in rows]
            elif isinstance(rows, list):
                lines += [f"- {name}:", *(f"    {row}" for row in rows)]
        lines.append("")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def driver() -> str | None:
    """The driver's version, where there is one to ask."""
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return None


def main() -> int:
    """Run the steps that are wanted and not done; the exit code says whether one has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="default: a GPU if there is one")
    parser.add_argument("--out", type=Path, default=Path("results/gpu"))
    parser.add_argument("--minutes", type=float, default=7.5, help="begin no step after so many (default 7.5)")
    parser.add_argument("--only", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--again", action="store_true", help="repeat what is there")
    parser.add_argument("--small", action="store_true", help="at a size for a processor")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else list(STEPS)
    if unknown := [name for name in wanted if name not in STEPS]:
        parser.error(f"no step is called {', '.join(unknown)}; there are {', '.join(STEPS)}")

    started = time.perf_counter()
    device = get_device(arguments.device)
    about = {**described(device), "arch2vec": __version__, "system": platform.platform(), "driver": driver()}
    report = Report.of(arguments.out, {**about, "small": arguments.small})
    setting, failed = Setting(device, arguments.small, arguments.out), False
    for name in wanted:
        known = report.results["steps"].get(name, {})
        if known and "error" not in known and "not_begun" not in known and not arguments.again:
            continue
        if time.perf_counter() - started > 60 * arguments.minutes:
            report.note(name, {"not_begun": f"{arguments.minutes} minutes were over"})
            continue
        print(f"{name} ...", flush=True)
        begun = time.perf_counter()
        try:
            with peak_memory(device) as memory:
                found = STEPS[name](setting)
                synchronised(device)
            found |= memory()
        except Exception:
            failed = True
            found = {"error": traceback.format_exc().strip().splitlines()[-1], "trace": traceback.format_exc()}
        report.note(name, {**found, "step_seconds": time.perf_counter() - begun})
        print(f"  {time.perf_counter() - begun:.1f} s {found.get('error', '')}", flush=True)
    print((arguments.out / "gpu.md").read_text())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
