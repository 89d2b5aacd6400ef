"""What README and docs/ show runs as it is typed: Python and shell, in the order of each page, in a folder of its own.

Settings are made tiny. Commands that take long or need files that are not there are not run, each for a reason that
stands here, but their options have to be right all the same.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import arch2vec
from arch2vec.cli.main import build_parser, main
from arch2vec.common.threads import thread_count
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import pretrain

ROOT = Path(__file__).parents[1]
MADE = ("_build", "results")  # of the site's build, from pages that are tested where they come from
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.relative_to(ROOT / "docs").parts[0] not in MADE),
]

_BLOCK = re.compile(r"^```(\w*|\{code-cell\} ipython3)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CELL = "{code-cell} ipython3"
_NUMBERS = {"N": "5", "S": "9"}  # place-holders that an option would refuse
NOT_RUN: dict[str, str] = {
    r"\b(RUN|STUDY|DIR|OUT|FILE|SPACE|OBJECTIVE|METHOD|URL)\b": "has a place-holder",
    r"^arch2vec data|nasbench201\?|nasbench101\?|nasbench301": "needs benchmark files",
    r"^arch2vec experiment": "trains or searches for minutes to days",
    r"train:(cifar|imagenet)": "needs images",
    r"onnx": "needs the packages onnx and onnxscript",
    r"--device cuda": "needs a GPU",
    r"^arch2vec pretrain (nasbench101|'darts)": "takes minutes; nasbench201 and my_space.yaml stand for it",
    r"^arch2vec pretrain nasbench201 --batch-size": "measured settings; the defaults stand for them",
    r"^arch2vec (search run --objective (proxy|digits)|proxies)": "builds networks; tests of their own run it",
}
TINY = {  # what a command gets, last, to be quick
    "pretrain": ["--epochs", "1", "--batch-size", "256", "--sample", "300"],
    "search": ["--budget", "2", "--method", "random"],
    "report": ["--map", "none"],
}
FEWER = {"10000000": "300"}  # architectures
NO_PYTHON = {
    "docs/three-spaces.md": "its block is examples/spaces/jumps.py",
    "docs/own-space.md": "its blocks are parts of examples/mine.py, which a test of its own runs, and doctests",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(match.group(1), match.group(2)) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[str]:
    """The command lines of a page's blocks, without comments and with continued lines joined."""
    found = []
    for language, text in blocks(page):
        if language in ("", "sh", "bash"):
            lines = text.replace("\\\n", " ").splitlines()
            found += [shlex.join(shlex.split(line, comments=True)) for line in lines if line.startswith("arch2vec ")]
    return found


def reason(command: str) -> str | None:
    """Why a command is not run, None for one that is."""
    plain = " ".join(shlex.split(command))
    return next(
        (why for pattern, why in NOT_RUN.items() if re.search(pattern, plain) or re.search(pattern, command)), None
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("mine.py", "my_space.yaml"):
        shutil.copy(ROOT / "examples" / name, tmp_path / name)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    (tmp_path / "mine.txt").write_text(f"# of the benchmark\n{cell}\n(4, 0, 3, 1, 4, 3)\n")
    monkeypatch.chdir(tmp_path)
    with thread_count(1):
        yield tmp_path


def tiny(
    space: arch2vec.SearchSpace | str,
    config: arch2vec.PretrainConfig | None = None,
    seed: int = 0,
    out: Path | None = None,
    device: str = "cpu",
) -> arch2vec.Encoder:
    del config  # a page's settings take longer
    small = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1, batch_size=512, sample=600)
    return pretrain(space, small, seed=seed, out=out, device=device)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_has_options_that_there_are(page: Path) -> None:
    for command in commands(page):
        arguments, unknown = build_parser().parse_known_args(
            [_NUMBERS.get(word, word) for word in shlex.split(command)[1:]]
        )
        assert not unknown and callable(arguments.run), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quick_commands_run_as_typed(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = [command for command in commands(page) if reason(command) is None]
    if page.name in ("README.md", "parallel.md", "searching.md"):  # the real training has a test of its own
        quick = "def train(architecture: str) -> float:\n    return float(len(architecture))\n"
        (folder / "mine.py").write_text(quick)
        (folder / "examples" / "mine.py").write_text(quick)
    uses = any(" run " in f"{command} " and "pretrain" not in command for command in run)
    if uses and page.name != "own-space.md":
        tiny("nasbench201", out=folder / "run")
    for command in run:
        words = [FEWER.get(word, word) for word in shlex.split(command)[1:]]
        if words[0] == "pretrain" and (folder / words[words.index("--out") + 1]).exists():
            continue  # made above, at a smaller setting
        if words[0] in TINY and "python:mine.py:Residual" not in words:
            words += TINY[words[0]]
        code = main(words)
        assert code == 0, (command, capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_runs_as_typed(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = [text for language, text in blocks(page) if language in ("python", _CELL) and not text.startswith(">>>")]
    if any("IPython" in text for text in code):
        pytest.importorskip("IPython", reason="the page shows pictures of files, for which notebooks have IPython")
    where = str(page.relative_to(ROOT))
    if where in NO_PYTHON or not code:
        return
    tiny("nasbench201", out=folder / "run")
    monkeypatch.setattr(arch2vec, "pretrain", tiny, raising=False)
    full: Callable[..., object] = arch2vec.search
    monkeypatch.setattr(
        arch2vec, "search", lambda *given, **options: full(*given, **{**options, "budget": 4}), raising=False
    )
    names: dict[str, object] = {}
    for text in code:
        exec(compile(text, where, "exec"), names)


def test_three_spaces_are_shown_as_they_are() -> None:
    shown = blocks(ROOT / "docs" / "three-spaces.md")
    files = [
        ROOT / "examples" / "spaces" / name for name in ("channels.yaml", "jumps.py", "wide.yaml", "reducing.yaml")
    ]
    assert [text for language, text in shown if language] == [file.read_text(encoding="utf-8") for file in files]


def test_reasons_are_of_use() -> None:
    """A pattern that excuses nothing is left over."""
    every = [command for page in PAGES for command in commands(page)]
    for pattern in NOT_RUN:
        assert any(re.search(pattern, text) for command in every for text in (command, " ".join(shlex.split(command))))
    assert sum(reason(command) is None for command in every) >= 10
