"""Declarations, the files and references that hold them, and spaces named by one line of text."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.spaces import SPACES, DeclaredSpace, SpaceDeclaration, get_space
from arch2vec.spaces.declared.text import from_reference, read_yaml, to_reference

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

FREE = SpaceDeclaration(name="free", operations=("conv", "pool"), carries="vertices", vertices=5, max_edges=6)
FIXED = SpaceDeclaration(
    name="fixed",
    operations=("conv", "skip", "none"),
    carries="edges",
    nodes=3,
    edges=((0, 1), (0, 2), (1, 2)),
    allowed={"0-2": ("skip", "none")},
    skip=("skip",),
    zero=("none",),
)

YAML = """\
name: fixed
carries: edges
operations: [conv, skip, none]
nodes: 3
edges: [[1, 2], [0, 2], [0, 1]]
allowed:
  0-2: [none, skip]
  0-1: [conv, skip, none]
skip: [skip]
zero: [none]
max_edges:
"""


def test_yaml_holds_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(YAML)
    read = read_yaml(path)
    assert read == FIXED
    assert hash(read) == hash(FIXED)
    # In an order of its own: every operation reads what comes before it.
    assert read.edges == ((0, 1), (0, 2), (1, 2))
    # A position that allows everything is not restricted.
    assert dict(read.allowed) == {"0-2": ("skip", "none")}
    assert read.choices == (("conv", "skip", "none"), ("skip", "none"), ("conv", "skip", "none"))
    assert DeclaredSpace.from_yaml(str(path)) == DeclaredSpace(FIXED)
    assert DeclaredSpace(FIXED).size == 18


@pytest.mark.parametrize("declaration", [FREE, FIXED])
def test_reference_is_the_whole_declaration(declaration: SpaceDeclaration) -> None:
    reference = to_reference(declaration)
    assert from_reference(reference) == declaration
    assert to_reference(from_reference(reference)) == reference
    space = DeclaredSpace(declaration)
    assert space.reference == reference
    again = get_space(reference)
    assert again == space
    assert hash(again) == hash(space)
    np.testing.assert_array_equal(again.enumerate().ops, space.enumerate().ops)
    assert get_space(reference) != get_space(to_reference(dataclasses.replace(declaration, name="other")))


def test_reference_in_another_process() -> None:
    space = DeclaredSpace(FIXED)
    program = (
        "import sys; from arch2vec.spaces import get_space; space = get_space(sys.argv[1]);"
        "assert 'torch' not in sys.modules; print(space.reference); print(*space.format(space.enumerate()), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program, space.reference], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [space.reference, *space.format(space.enumerate())]


def test_spaces_can_be_pickled() -> None:
    for declaration in (FREE, FIXED):
        space = DeclaredSpace(declaration)
        assert space.size is not None
        again = pickle.loads(pickle.dumps(space))
        assert again == space
        assert again.size == space.size


@pytest.mark.parametrize("name", sorted(SPACES))
def test_reference_of_built_in_spaces_is_their_name(name: str) -> None:
    assert get_space(name).reference == name


@settings(deadline=None)
@given(st.sampled_from([FREE, FIXED]), st.text(max_size=5), st.sampled_from(["name", "operations"]))
def test_any_text_is_accepted_or_refused_in_one_line(base: SpaceDeclaration, text: str, key: str) -> None:
    changes: dict[str, Any] = {"name": text} if key == "name" else {"operations": (*base.operations, text)}
    try:
        space = DeclaredSpace(dataclasses.replace(base, **changes))
    except InputError as error:
        assert f"field {key!r}" in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        texts = space.format(space.enumerate())
        np.testing.assert_array_equal(space.parse(texts).ops, space.enumerate().ops)
        assert get_space(space.reference) == space


FREE_FIELDS: dict[str, Any] = {
    "name": "free",
    "operations": ["conv", "pool"],
    "carries": "vertices",
    "vertices": 5,
    "max_edges": 6,
}
FIXED_FIELDS: dict[str, Any] = {
    "name": "fixed",
    "operations": ["conv", "pool"],
    "carries": "edges",
    "nodes": 3,
    "edges": [[0, 1], [0, 2], [1, 2]],
}
INNER_FIELDS: dict[str, Any] = {
    "name": "inner",
    "operations": ["conv", "pool"],
    "carries": "vertices",
    "vertices": 4,
    "edges": [[0, 1], [1, 2], [2, 3]],
}


@pytest.mark.parametrize(
    ("fields", "change", "problem"),
    [
        (FREE_FIELDS, {"name": "nasbench201"}, "field 'name': 'nasbench201' is a built-in search space"),
        (FREE_FIELDS, {"name": 3}, "field 'name': got 3; a letter, then"),
        (FREE_FIELDS, {"name": "a b"}, "field 'name': got 'a b'; a letter, then"),
        (FREE_FIELDS, {"operations": []}, "field 'operations': none given; at least one is needed"),
        (FREE_FIELDS, {"operations": "conv"}, "field 'operations': got 'conv'; a list of names"),
        (FREE_FIELDS, {"operations": ["conv", "conv"]}, "field 'operations': 'conv' is there twice"),
        (FREE_FIELDS, {"operations": ["conv", "input"]}, "field 'operations': 'input' is reserved"),
        (FREE_FIELDS, {"operations": ["conv", "output"]}, "field 'operations': 'output' is reserved"),
        (FREE_FIELDS, {"operations": ["conv", "a,b"]}, "field 'operations': got 'a,b'; a name has no spaces and none"),
        (
            FREE_FIELDS,
            {"operations": ["conv", False]},
            "'operations': False is a truth value, not text; write it in quotes",
        ),
        (FREE_FIELDS, {"operations": [str(k) for k in range(63)]}, "field 'operations': 63 given; at most 62"),
        (FREE_FIELDS, {"carries": "nodes"}, "field 'carries': got 'nodes'; 'vertices' or 'edges'"),
        (FREE_FIELDS, {"vertices": None}, "field 'vertices': missing; a whole number from 3 to 40 in a free topology"),
        (FREE_FIELDS, {"vertices": 41}, "field 'vertices': got 41; a whole number from 3 to 40 in a free topology"),
        (FREE_FIELDS, {"vertices": "5"}, "field 'vertices': got '5'; a whole number"),
        (FREE_FIELDS, {"vertices": True}, "field 'vertices': got True; a whole number"),
        (FREE_FIELDS, {"nodes": 4}, "'nodes': with operations on vertices the cell's size is given as 'vertices'"),
        (FREE_FIELDS, {"max_edges": 11}, "field 'max_edges': got 11; a whole number from 2 to 10"),
        (FREE_FIELDS, {"max_edges": 1}, "field 'max_edges': got 1; a whole number from 2 to 10"),
        (FREE_FIELDS, {"max_edges": None}, "field 'edges': give either 'edges' (a fixed topology) or 'max_edges'"),
        (FREE_FIELDS, {"edges": [[0, 1]]}, "field 'edges': give either 'edges' (a fixed topology) or 'max_edges'"),
        (FREE_FIELDS, {"max_in_degree": 0}, "field 'max_in_degree': got 0; a whole number from 1 to 4"),
        (FREE_FIELDS, {"allowed": {4: ["conv"]}}, "field 'allowed': there is no position '4'; they are 1, 2, 3"),
        (FREE_FIELDS, {"skip": ["convv"]}, "field 'skip': 'convv' is not among 'operations'; did you mean 'conv'?"),
        (FREE_FIELDS, {"zero": ["x"]}, "field 'zero': 'x' is not among 'operations'; known: conv, pool"),
        (FREE_FIELDS, {"skip": ["conv"], "zero": ["conv"]}, "field 'zero': 'conv' is in 'skip' too"),
        (FREE_FIELDS, {"max_edge": 3}, "unknown field 'max_edge'; did you mean 'max_edges'?"),
        (FREE_FIELDS, {"colour": 3}, "unknown field 'colour'; the fields are name, operations,"),
        (FIXED_FIELDS, {"edges": None}, "field 'edges': missing; a list of [source, target] pairs"),
        (FIXED_FIELDS, {"edges": 3}, "field 'edges': got 3; a list of [source, target] pairs"),
        (FIXED_FIELDS, {"edges": [[0, 1, 2]]}, "field 'edges': got [0, 1, 2] as an edge; a list of"),
        (FIXED_FIELDS, {"edges": [["0", 1]]}, "field 'edges': got '0' in ['0', 1]; a list of"),
        (FIXED_FIELDS, {"edges": [[0, 3]]}, "field 'edges': [0, 3] is out of range; numbers go from 0 to 2"),
        (FIXED_FIELDS, {"edges": [[0, 1], [1, 2], [2, 1]]}, "field 'edges': [2, 1] closes a cycle or goes backwards"),
        (FIXED_FIELDS, {"edges": [[0, 1], [1, 1]]}, "field 'edges': [1, 1] closes a cycle or goes backwards"),
        (FIXED_FIELDS, {"edges": [[0, 2], [0, 2]]}, "field 'edges': [0, 2] is there twice"),
        (FIXED_FIELDS, {"edges": [[0, 2], [0, 1]]}, "field 'edges': none leaves node 1; every one must be on a path"),
        (FIXED_FIELDS, {"edges": [[0, 2], [1, 2]]}, "field 'edges': none enters node 1; every one must be on a path"),
        (FIXED_FIELDS, {"edges": []}, "field 'edges': none leaves node 0"),
        (FIXED_FIELDS, {"nodes": 1}, "field 'nodes': got 1; a whole number from 2 to"),
        (FIXED_FIELDS, {"vertices": 3}, "'vertices': with operations on edges the cell's size is given as 'nodes'"),
        (FIXED_FIELDS, {"max_edges": 3}, "field 'max_edges': operations on edges need a fixed topology; list every"),
        (FIXED_FIELDS, {"max_in_degree": 3}, "field 'max_in_degree': operations on edges need a fixed topology"),
        (FIXED_FIELDS, {"allowed": ["conv"]}, "field 'allowed': got ['conv']; a mapping from positions to lists"),
        (FIXED_FIELDS, {"allowed": {"2-0": ["conv"]}}, "'allowed': there is no position '2-0'; they are 0-1, 0-2, 1-2"),
        (FIXED_FIELDS, {"allowed": {"0-1": []}}, "field 'allowed, 0-1': no operation is left"),
        (FIXED_FIELDS, {"allowed": {"0-1": ["con"]}}, "'allowed, 0-1': 'con' is not among 'operations'; did you"),
        (FIXED_FIELDS, {"operations": ["conv"]}, "field 'operations': no position has a choice"),
        (INNER_FIELDS, {"max_in_degree": 2}, "field 'max_in_degree': only a free topology"),
        (INNER_FIELDS, {"vertices": 2, "edges": [[0, 1]]}, "field 'vertices': got 2; a whole number from 3 to"),
        (INNER_FIELDS, {"allowed": {0: ["conv"]}}, "field 'allowed': there is no position '0'; they are 1, 2"),
        (INNER_FIELDS, {"edges": [[0, 1], [0, 2], [2, 3]]}, "field 'edges': none leaves vertex 1"),
    ],
)
def test_mistakes_get_one_line(tmp_path: Path, fields: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    import yaml

    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump({**fields, **change}))
    with pytest.raises(InputError) as caught:
        get_space(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert problem in message
    assert len(message.splitlines()) == 1
    # The fields that were changed are what is wrong.
    path.write_text(yaml.safe_dump(fields))
    assert isinstance(get_space(str(path)), DeclaredSpace)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: [", "line 1, column 8: not YAML"),
        ("", "a mapping with the fields name, operations, carries and others is needed, got null"),
        ("- a\n- b", "got ['a', 'b']"),
        ("operations: [a]\ncarries: edges", "field 'name' is missing"),
        ("name: x\noperations:\ncarries: edges", "field 'operations': got null"),
        ("name: x\nname: y", "field 'name' is there twice"),
        (YAML.replace("0-1:", "0-2:"), "field '0-2' is there twice"),
        ("name: x\n---\nname: y", "not YAML"),
        ("name: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_files_that_are_no_declaration_get_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "space.yml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        get_space(str(path))
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing\.yaml: No such file"):
        get_space(str(tmp_path / "missing.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"cannot read .*binary\.yaml"):
        get_space(str(tmp_path / "binary.yaml"))
    with pytest.raises(InputError, match="what follows 'declared:': not a JSON document"):
        get_space("declared:{")
    with pytest.raises(InputError, match="declared space: field 'name' is missing"):
        get_space("declared:{}")
    with pytest.raises(
        InputError, match=r"unknown search space 'nb'; known: .*nasbench201; one of your own is FILE\.yaml"
    ):
        get_space("nb")


CODE = """\
import numpy as np
from arch2vec.graphs import GraphBatch
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration

class Sizeless(SearchSpace):
    name, operations, num_vertices = "pair", ("input", "a", "b", "output"), 3

    def enumerate(self):
        return self.parse(["a", "b"])

    def sample(self, n, rng):
        return self.enumerate()[rng.permutation(2)[:n]]

    def parse(self, architectures):
        ops = [[0, self.operations.index(text), 3] for text in architectures]
        return GraphBatch.of(ops, [np.eye(3, k=1, dtype=bool)] * len(ops))

    def format(self, graphs):
        self.check(graphs)
        return [self.operations[code] for code in graphs.ops[:, 1]]

    def is_valid(self, graphs):
        return np.isin(graphs.ops[:, 1], (1, 2))

    def mutate(self, graphs, rng):
        return self.parse(["b" if text == "a" else "a" for text in self.format(graphs)])

    def neighbors(self, graph):
        return self.mutate(graph, None)

class Pair(Sizeless):
    size = 2

class Sized(Sizeless):
    def __init__(self, size):
        self.size = size

class Abstract(SearchSpace):
    name = "abstract"

INSTANCE = Sized(2)
DECLARED = DeclaredSpace(SpaceDeclaration("x", ("a", "b"), "vertices", vertices=4, max_edges=3))

class Chains(DeclaredSpace):
    def __init__(self):
        super().__init__(DECLARED.declaration)

def function():
    pass
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of ``own_spaces.py``, current and forgotten afterwards."""
    (tmp_path / "own_spaces.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield tmp_path
    for name in ("own_spaces", "broken", "needs"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["Pair", "INSTANCE"])
def test_spaces_of_the_users_own_code(code: Path, name: str) -> None:
    space = get_space(f"python:own_spaces.py:{name}")
    assert space.size == 2
    assert space.reference == f"python:{code.resolve()}/own_spaces.py:{name}"
    assert space.format(space.mutate(space.enumerate(), np.random.default_rng(0))) == ["b", "a"]
    assert space.is_valid_as_released(space.enumerate()).all()
    assert space.enumerable
    again = get_space(space.reference)
    assert again.reference == space.reference
    assert again.format(again.enumerate()) == ["a", "b"]
    module = get_space(f"python:own_spaces:{name}")
    assert module.reference == f"python:own_spaces:{name}"
    assert repr(module).endswith("(3 vertices, 4 operations, 2 architectures)")


def test_declared_spaces_in_the_users_own_code(code: Path) -> None:
    instance = get_space("python:own_spaces.py:DECLARED")
    assert type(instance) is DeclaredSpace
    assert instance.reference.startswith("declared:{")
    # A class may do more than its declaration says.
    chains = get_space("python:own_spaces.py:Chains")
    assert chains.reference == f"python:{code.resolve()}/own_spaces.py:Chains"
    assert chains != instance
    assert get_space("python:own_spaces:Chains") == get_space("python:own_spaces:Chains")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("own_spaces.py:Abstract", "cannot make the search space python:own_spaces.py:Abstract: Can't instantiate"),
        ("own_spaces.py:Sized", "cannot make the search space python:own_spaces.py:Sized:"),
        ("own_spaces.py:Sizeless", "the search space python:own_spaces.py:Sizeless lacks size"),
        ("own_spaces.py:function", "is not a search space but a function"),
        ("own_spaces.py:np", "is not a search space but a module"),
        ("own_spaces.py:Pairs", "own_spaces.py has no search space 'Pairs'; it has Pair"),
        ("own_spaces.py", "names no search space; write python:MODULE_OR_FILE.py:CLASS_OR_INSTANCE"),
        ("missing.py:Pair", "there is no Python file missing.py"),
        ("missing:Pair", "there is no Python module 'missing'"),
        ("broken.py:Pair", "cannot import"),
        ("broken:Pair", "cannot import broken: SyntaxError"),
        ("needs.py:Pair", "ModuleNotFoundError: No module named 'not_installed'"),
        ("needs:Pair", "cannot import needs: ModuleNotFoundError: No module named 'not_installed'"),
        ("./folder:Pair", "there is no Python file folder"),
        ("text.txt/../own.txt:Pair", "there is no Python file"),
    ],
)
def test_code_that_cannot_be_used_gets_one_line(code: Path, target: str, problem: str) -> None:
    (code / "broken.py").write_text("def")
    (code / "needs.py").write_text("import not_installed")
    with pytest.raises(InputError) as caught:
        get_space(f"python:{target}")
    assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_python(code: Path) -> None:
    (code / "text.txt").write_text("Pair = 3")
    with pytest.raises(InputError, match=r"text\.txt is not a Python file; its name must end in \.py"):
        get_space("python:./text.txt:Pair")
