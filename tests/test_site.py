"""The documentation site: every method has a page, every figure on it is one of ``results/``, and it builds."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from arch2vec.searching import METHODS

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "methods"
LACKING = "the documentation's packages are not installed: pip install 'arch2vec[docs]'"


@pytest.fixture(scope="module")
def site() -> ModuleType:
    pytest.importorskip("sphinx", reason=LACKING)
    spec = importlib.util.spec_from_file_location("arch2vec_site", ROOT / "docs" / "_ext" / "arch2vec_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_method_has_a_page_with_all_that_one_asks() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*METHODS, "index"}
    for name, kind in METHODS.items():
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        for part in ("**Idea.**", "**Source.**", "**When to use it.**", "## Measured", "## Settings"):
            assert part in text, (name, part)
        assert f"```{{measured}} {name}\n" in text or "](../../results/" in text
        assert f".. autoclass:: {kind.__module__}.{kind.__name__}\n" in text
        assert f'get_method("{name}")' in text


def test_what_is_shown_of_a_method_is_what_was_measured(site: ModuleType) -> None:
    for name in METHODS:
        shown = "{measured}" in (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert bool(site.measured(name)) == shown, name
    (row,) = [
        row
        for row in site.measured("group-bo")
        if row["objective"] == "nasbench201-cifar10" and row["budget"] == "50 evaluations"
    ]
    shown = site.line(row)
    assert shown[:3] == ["NAS-Bench-201, CIFAR-10", "50 evaluations", "500"]
    assert shown[4].split() == ["94.37", "±", "0.02"]  # as results/structure-search says


def test_results_link_to_what_the_site_has() -> None:
    pages = sorted((ROOT / "results").rglob("README.md"))
    links = {(page.parent.name, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())}
    assert len(links) > 20
    assert {link for link in links if Path(link[1]).suffix not in (".md", ".png", ".svg")} == set()


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for package in ("sphinx", "myst_nb", "ipykernel", "furo"):
        pytest.importorskip(package, reason=LACKING)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for page in ("index", "api", "why-not-optuna", "methods/group-bo", "results/README", "tutorials/paper"):
        assert (tmp_path / "html" / f"{page}.html").exists()
    gallery = (tmp_path / "html" / "gallery.html").read_text(encoding="utf-8")
    assert gallery.count("<img") + gallery.count("<svg") >= 10 and "Traceback" not in gallery
