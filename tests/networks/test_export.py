"""Architectures as files: source that needs PyTorch only, ONNX, pictures; through the real command line."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arch2vec.cli import main
from arch2vec.common.storage import write_arrays
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.networks.build import NetworkPlan, build_network, count_parameters
from arch2vec.networks.declared import ACTIVATIONS, LAYERS
from arch2vec.networks.export import network_source
from arch2vec.networks.export_parts import _quoted
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration, get_space
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES

NB101 = "0110001;0001000;0001100;0000010;0000001;0000001;0000000|input," + (
    "conv3x3-bn-relu,maxpool3x3,conv1x1-bn-relu,conv3x3-bn-relu,maxpool3x3,output"
)
NB201 = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
FREE = DeclaredSpace(
    SpaceDeclaration(name="free", carries="vertices", operations=tuple(LAYERS), vertices=5, max_edges=8)
)
EXAMPLE = Path(__file__).parents[2] / "examples" / "my_space.yaml"
OWN = "01100;00110;00001;00001;00000|input,relu,tanh,skip,output"
OWN_LAYERS = {"relu": "conv_3x3", "tanh": "sep_conv_5x5"}


@pytest.fixture(autouse=True, scope="module")
def one_core() -> Iterator[None]:
    with thread_count(1):
        yield


def images(plan: NetworkPlan, n: int = 3) -> Tensor:
    shape = plan.images
    return torch.randn(n, shape.channels, shape.side, shape.side, generator=torch.Generator().manual_seed(5))


def outputs(network: nn.Module, batch: Tensor) -> list[Tensor]:
    """In training mode (the auxiliary head's too) and in evaluation mode, after whatever training did to it."""
    trained = network.train()(batch)
    both = [*trained] if isinstance(trained, tuple) else [trained]
    return [tensor.detach() for tensor in (*both, network.eval()(batch))]


ENDS = DeclaredSpace(
    SpaceDeclaration(
        "ends", ("conv3x3", "skip", "none"), "vertices", vertices=7, max_edges=9, inputs=2, outputs=2, skip=("skip",)
    )
)
REDUCING = DeclaredSpace(
    SpaceDeclaration(
        "reducing",
        ("conv3x3", "skip"),
        "edges",
        nodes=3,
        edges=((0, 1), (0, 2), (1, 2)),
        skip={"*": ("skip",), "1-2": ()},
    )
)


def executed(source: str) -> nn.Module:
    scope: dict[str, Any] = {}
    exec(compile(source, "model.py", "exec"), scope)
    return scope["Network"]()


def imported(source: str) -> set[str]:
    """The packages that a source file imports."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {re.split(r"[ .]", ast.unparse(node))[1] for node in nodes}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main(["export", *map(str, arguments)])
    except SystemExit as stop:  # argparse
        code = int(str(stop.code))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which the command refuses its input."""
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


# What is exported on the command line, and the same as a space and a plan.
CASES: dict[str, tuple[list[object], SearchSpace, str, NetworkPlan]] = {
    "nasbench101": (
        [NB101, "--space", "nasbench101", "--data", "digits", "--channels", 13, "--cells", 2],
        get_space("nasbench101"),
        NB101,
        NetworkPlan("digits", channels=13, cells=2),
    ),
    "nasbench201": (
        [NB201, "--space", "nasbench201", "--input-size", 8, "--classes", 3, "--layers", 2],
        get_space("nasbench201"),
        NB201,
        NetworkPlan(input_size=8, classes=3, cells=2),
    ),
    "published": (
        ["PC_DARTS_CIFAR", "--cells", 3, "--channels", 4, "--auxiliary"],
        get_space("darts_pair"),
        PUBLISHED_GENOTYPES["PC_DARTS_CIFAR"],
        NetworkPlan(cells=3, channels=4, auxiliary=True),
    ),
    "one_cell": (
        ["ARCH2VEC_BO", "--space", "darts", "--data", "imagenet", "--cells", 4, "--channels", 4, "--input-size", 64],
        get_space("darts"),
        PUBLISHED_GENOTYPES["ARCH2VEC_BO"],
        NetworkPlan("imagenet", cells=4, channels=4, input_size=64),
    ),
    "declared": (
        [OWN, "--space", EXAMPLE, "--data", "digits", "--cells", 1]
        + [part for name, layer in OWN_LAYERS.items() for part in ("--operation", f"{name}={layer}")],
        get_space(str(EXAMPLE)),
        OWN,
        NetworkPlan("digits", cells=1, layers=OWN_LAYERS),
    ),
}

ALONE = """\
import sys
sys.modules["arch2vec"] = None  # importing it fails
import runpy, torch
torch.set_num_threads(1)
for name in sys.argv[1:]:
    case = torch.load(f"{name}.pt", weights_only=True)
    network = runpy.run_path(f"{name}.py")["Network"]()
    assert list(network.state_dict()) == list(case["weights"]), name
    network.load_state_dict(case["weights"])
    trained = network.train()(case["images"])
    results = [*trained] if isinstance(trained, tuple) else [trained]
    results.append(network.eval()(case["images"]))
    assert len(results) == len(case["outputs"])
    assert all(map(torch.equal, results, case["outputs"])), name
print("the same")
"""


def test_sources_run_without_us_and_give_the_same_output_to_the_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (arguments, space, architecture, plan) in CASES.items():
        path = tmp_path / f"{name}.py"
        assert run(capsys, *arguments, "--to", path) == (0, f"{path}\n", "")
        imports = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert {re.split(r"[ .]", ast.unparse(node))[1] for node in imports} == {"torch"}
        assert max(map(len, path.read_text().splitlines())) <= 120
        network = build_network(space, architecture, plan, seed=3)
        weights = {key: value.clone() for key, value in network.state_dict().items()}
        batch = images(plan)
        torch.save({"weights": weights, "images": batch, "outputs": outputs(network, batch)}, tmp_path / f"{name}.pt")
    command = [sys.executable, "-I", "-c", ALONE, *CASES]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "the same\n"), finished.stderr


GATES = """
import torch
from torch import nn
class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale, self.mix = nn.Parameter(torch.randn(channels, 1, 1)), nn.Linear(channels, channels, bias=False)
    def forward(self, x):
        return self.scale * self.mix(x.movedim(1, -1)).movedim(-1, 1)
class Half(nn.Module):
    def __init__(self, channels):
        super().__init__()
    def forward(self, x):
        return x[..., ::2, ::2]
class Bare(nn.Module):
    pass
"""


def test_layers_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    Path("own_layers.py").write_text(GATES)
    plan = NetworkPlan("digits", channels=4, cells=1, layers={"skip": "python:own_layers.py:Gate"})
    text = "|skip~0|+|conv3x3~0|skip~1|"
    ours, again, other = (build_network(REDUCING, text, plan, seed) for seed in (1, 1, 2))
    batch = images(plan)
    assert all(map(torch.equal, outputs(ours, batch), outputs(again, batch)))
    assert not torch.equal(outputs(ours, batch)[0], outputs(other, batch)[0])
    theirs = executed(network_source(REDUCING, text, plan))
    theirs.load_state_dict(ours.state_dict())
    assert all(map(torch.equal, outputs(ours, batch), outputs(theirs, batch)))
    refused = {"Half": "makes (2, 4, 4, 4) of", "Bare": "called with a number of channels", "No": "no layer"}
    for name, said in refused.items():
        with pytest.raises(InputError, match=re.escape(said)):
            build_network(REDUCING, text, replace(plan, layers={"skip": f"python:own_layers.py:{name}"}))


@pytest.mark.parametrize("space", [ENDS, REDUCING], ids=["ends", "reducing"])
def test_sources_of_cells_with_several_ends_and_of_skips_that_are_none(space: DeclaredSpace) -> None:
    plan = NetworkPlan("digits", channels=4, cells=1, layers={"skip": "conv_1x1"} if space is REDUCING else {})
    for architecture in space.format(space.sample(8, np.random.default_rng(0))):
        ours, theirs = (build_network(space, architecture, plan), executed(network_source(space, architecture, plan)))
        theirs.load_state_dict(ours.state_dict())
        batch = images(plan)
        assert all(map(torch.equal, outputs(ours, batch), outputs(theirs, batch))), architecture
    if space is REDUCING:  # the skip of edge 1-2 has weights, the others have none
        counts = [
            count_parameters(build_network(space, text, plan, None))
            for text in ("|skip~0|+|skip~0|skip~1|", "|skip~0|+|skip~0|conv3x3~1|", "|conv3x3~0|+|skip~0|skip~1|")
        ]
        assert counts[0] < counts[1] < counts[2]
        with pytest.raises(InputError, match="it is not known what layer the operation 'skip' of reducing is"):
            build_network(space, "|skip~0|+|skip~0|skip~1|", NetworkPlan("digits"), None)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "darts_pair", "free"])
def test_sources_of_random_architectures_compute_the_same(name: str) -> None:
    space = FREE if name == "free" else get_space(name)
    plan = NetworkPlan("digits", channels=6, cells=3 if name.startswith("darts") else 1)
    if name == "free":  # a layer of such a name may be more, so it is said
        plan = replace(plan, layers={activation: activation for activation in ACTIVATIONS})
    edges = {"nasbench101": ["01;00|input,output"], "free": ["01;00|input,output", "010;001;000|input,zero,output"]}
    edges["nasbench201"] = [
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|",
        "|none~0|+|none~0|none~1|+|none~0|skip_connect~1|avg_pool_3x3~2|",
    ]
    count = 3 if name.startswith("darts") else 12
    for architecture in space.format(space.sample(count, np.random.default_rng(0))) + edges.get(name, []):
        ours = build_network(space, architecture, plan)
        theirs = executed(network_source(space, architecture, plan))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        theirs.load_state_dict(ours.state_dict())
        batch = images(plan)
        assert all(map(torch.equal, outputs(ours, batch), outputs(theirs, batch))), architecture


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "published"])
def test_weights_of_a_source_are_drawn_as_ours_are(name: str) -> None:
    _, space, architecture, plan = CASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = dict(executed(network_source(space, architecture, plan)).named_parameters())
    for key, ours in build_network(space, architecture, plan).named_parameters():
        if ours.numel() > 2000:
            assert theirs[key].std().item() == pytest.approx(ours.std().item(), rel=0.1), key
        elif ours.std() == 0:
            assert torch.equal(theirs[key], ours)


def test_drop_path_of_a_source() -> None:
    source = network_source(get_space("darts_pair"), PUBLISHED_GENOTYPES["DARTS_V2"], NetworkPlan(cells=3, channels=4))
    scope: dict[str, Any] = {}
    exec(source, scope)
    network, batch = scope["Network"](), images(NetworkPlan())
    plain = network(batch)
    network.drop_path_probability = 0.5
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert not torch.equal(network(batch), plain)
        assert torch.equal(network.eval()(batch), network(batch))
        dropped = scope["drop_path"](torch.ones(10_000, 2, 1, 1), 0.25)
    assert set(dropped.flatten().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert abs(dropped.mean().item() - 1) < 0.03


@given(st.text(min_size=1, max_size=600))
def test_text_of_a_source_is_quoted(text: str) -> None:
    assert ast.literal_eval(_quoted(text)) == text
    assert ast.literal_eval(_quoted(NB101 + text + NB101)) == NB101 + text + NB101


def test_names_of_operations_are_no_code() -> None:
    names = ('"""', "'\\n", "#{x}", "$(1/0)")
    space = DeclaredSpace(SpaceDeclaration(name="odd", carries="vertices", operations=names, vertices=6, max_edges=9))
    text = f"010000;001000;000100;000010;000001;000000|input,{','.join(names)},output"
    plan = NetworkPlan("digits", cells=1, layers=dict.fromkeys(names, "conv_3x3"))
    scope: dict[str, Any] = {}
    exec(network_source(space, text, plan), scope)
    assert scope["ARCHITECTURE"] == text
    assert count_parameters(scope["Network"]()) == count_parameters(build_network(space, text, plan, None))


@pytest.mark.parametrize(
    "name", [name if name == "nasbench201" else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_onnx_gives_the_same_scores(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    arguments, space, architecture, plan = CASES[name]
    trained = build_network(space, architecture, plan, seed=8)
    outputs(trained, images(plan))  # so that the batch norms have seen something
    weights = tmp_path / "weights.safetensors"
    write_arrays(weights, {key: value.numpy() for key, value in trained.state_dict().items()}, {})
    path = tmp_path / "model.onnx"
    state = torch.get_rng_state()
    code, out, _ = run(capsys, *arguments, "--to", path, "--weights", weights)
    assert (code, out) == (0, f"{path}\n")
    assert torch.equal(torch.get_rng_state(), state)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["images"]
    with torch.no_grad():
        for count in (1, 3):
            batch = images(plan, count)
            (scores,) = session.run(["scores"], {"images": batch.numpy()})
            np.testing.assert_allclose(scores, trained(batch).numpy(), atol=1e-4)
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "weights.safetensors"}


def test_missing_packages_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    both = (tmp_path / "model.py", tmp_path / "model.onnx")
    assert "pip install 'arch2vec[onnx]'" in complaint(capsys, NB201, "--space", "nasbench201", "--to", *both)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CASES)
def test_pictures_and_json(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, space, architecture, plan = CASES[name]
    starts = {"cell.svg": b"<?xml"}
    if name == "nasbench201":
        starts |= {"cell.PNG": b"\x89PNG", "cell.pdf": b"%PDF"}
    files = [str(tmp_path / file) for file in ("model.py", *starts)]
    code, out, _ = run(capsys, *arguments, "--to", *files, "--json")
    document = json.loads(out)
    assert code == 0 and document["files"] == files
    assert document["space"] == space.reference
    assert space.parse([document["architecture"]]).ops.tolist() == space.parse([architecture]).ops.tolist()
    assert document["parameters"] == count_parameters(build_network(space, architecture, plan, None))
    assert document["macs"] > 0
    for file, start in starts.items():
        assert (tmp_path / file).read_bytes().startswith(start)


@pytest.mark.parametrize(("name", "published"), [("ARCH2VEC_RL", 533), ("ARCH2VEC_BO", 580)])
def test_multiply_adds_as_they_are_published(
    name: str, published: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, name, "--data", "imagenet", "--to", str(tmp_path / "model.py"), "--json")
    sizes = json.loads(out)
    assert code == 0 and round(sizes["macs_with_norms"] / 1e6) == published > sizes["macs"] / 1e6


def test_pictures_need_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "cell.svg"
    code, out, _ = run(capsys, OWN, "--space", EXAMPLE, "--to", path, "--json")
    assert code == 0 and "parameters" not in json.loads(out)
    assert "<!-- tanh -->" in path.read_text()


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.py"
    path.write_text("mine")
    complaint(capsys, NB201, "--space", "nasbench201", "--channels", 0, "--to", path)
    complaint(capsys, NB201, "--space", "nasbench201", "--input-size", 30, "--to", path)
    assert path.read_text() == "mine"
    assert run(capsys, NB201, "--space", "nasbench201", "--to", path)[0] == 0
    assert "class Network" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, picture = tmp_path / "a.py", tmp_path / "a.svg"
    nb201 = (NB201, "--space", "nasbench201")
    future = PUBLISHED_GENOTYPES["DARTS_V2"].replace("('sep_conv_3x3', 0)", "('sep_conv_3x3', 4)", 1)
    unknown = PUBLISHED_GENOTYPES["DARTS_V2"].replace("max_pool_3x3", "max_pool_9x9", 1)
    for arguments, expected in [
        ((*nb201, "--to", tmp_path / "a.txt"), "must end in .py, .onnx, .svg, .png, .pdf"),
        ((*nb201, "--to", source, tmp_path / "a"), "must end in .py"),
        ((*nb201, "--to", "/dev/null/a.py"), "cannot write"),
        ((NB201, "--to", source), "--space nasbench101, nasbench201"),
        (("|x~0|", "--space", "nasbench201", "--to", source), "not a nasbench201 architecture"),
        ((NB201.replace("none", "noise"), "--space", "nasbench201", "--to", picture), "unknown operation 'noise'"),
        ((future, "--space", "darts_pair", "--to", source), "node 0 reads '4'"),
        ((unknown, "--to", source), "unknown operation 'max_pool_9x9'"),
        (("DARTS_V3", "--to", source), "unknown published genotype 'DARTS_V3'"),
        (("DARTS_V2", "--space", "darts", "--to", source), "use the space darts_pair"),
        ((NB201, "--space", "nasbench2001", "--to", source), "unknown search space 'nasbench2001'"),
        ((*nb201, "--data", "mnist", "--to", source), "unknown image data set 'mnist'"),
        ((*nb201, "--classes", "0", "--to", source), "classes of at least 1"),
        ((*nb201, "--auxiliary", "--to", source), "only DARTS networks have an auxiliary head"),
        (("DARTS_V2", "--auxiliary", "--input-size", "64", "--to", source), "images of about 32 pixels"),
        (("DARTS_V2", "--channels", "5", "--to", source), "channels must be even"),
        ((OWN, "--space", EXAMPLE, "--to", source), "what layer the operation 'relu'"),
        ((*nb201, "--operation", "relu", "--to", source), "--operation takes NAME=LAYER"),
        ((*nb201, "--operation", "a=skip", "--operation", "a=zero", "--to", source), "says twice"),
        ((*nb201, "--weights", "w.safetensors", "--to", source), "--weights are for .onnx"),
        ((*nb201, "--channels", "many", "--to", source), "invalid int value"),
        (nb201, "required: --to"),
        ((*nb201, "--to", f"{'x' * 300}/model.svg"), "cannot write xxx"),
    ]:
        assert expected in complaint(capsys, *arguments)
    (tmp_path / "b.py").mkdir()
    assert "it is a folder" in complaint(capsys, *nb201, "--to", tmp_path / "b.py")
    assert [file.name for file in tmp_path.iterdir()] == ["b.py"]


def test_bad_weights_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnx")
    command = (NB201, "--space", "nasbench201", "--to", tmp_path / "model.onnx", "--weights", tmp_path / "w")
    assert "cannot read" in complaint(capsys, *command)
    write_arrays(tmp_path / "w", {"stem.convolution.weight": np.zeros((16, 3, 3, 3), np.float32)}, {})
    assert "holds weights of another network" in complaint(capsys, *command)
    assert "a seed of weights is in" in complaint(capsys, *command[:-2], "--seed", -1)
    assert [file.name for file in tmp_path.iterdir()] == ["w"]
