"""Declared spaces: roles by position, numbers, attributes, constraints, several ends of a fixed topology."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.representations.structure import structure
from arch2vec.searching.identity import identity_of
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration, get_space, stored_space

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
REDUCING = SpaceDeclaration(
    "reducing",
    ("conv", "skip", "none"),
    "edges",
    nodes=4,
    edges=EDGES,
    skip={"*": ("skip",), "1-3": (), "2-3": ()},
    zero=("none",),
)
TWINS = SpaceDeclaration(
    "twins", ("conv", "skip"), "vertices", vertices=4, edges=((0, 1), (0, 2), (1, 3), (2, 3)), skip={"1": ("skip",)}
)


def test_a_skip_that_is_none_at_some_positions() -> None:
    space = DeclaredSpace(REDUCING)
    assert space.operations == ("input", "conv", "skip", "skip[skip]", "none", "output")
    assert space.size == 3**6
    texts = space.format(space.enumerate())
    assert len(set(texts)) == 3**6
    assert all("[" not in text for text in texts)
    np.testing.assert_array_equal(space.parse(texts).ops, space.enumerate().ops)

    def classes(*cells: str) -> int:
        return len(set(space.function_classes(space.parse(cells)).tolist()))

    def cell(*operations: str) -> str:
        names = iter(operations)
        groups = [[f"{next(names)}~{source}|" for source in range(target)] for target in (1, 2, 3)]
        return "+".join("|" + "".join(group) for group in groups)

    # conv by way of node 1, and a skip there or here ...
    first, second = (
        cell("skip", "none", "conv", "none", "none", "conv"),
        cell("conv", "none", "skip", "none", "none", "conv"),
    )
    assert classes(first, second) == 1
    # ... but not where the skip is one that has parameters.
    third, fourth = (
        cell("conv", "none", "none", "none", "skip", "none"),
        cell("skip", "none", "none", "none", "conv", "none"),
    )
    assert classes(third, fourth) == 2
    plain = DeclaredSpace(dataclasses.replace(REDUCING, skip=("skip",)))
    assert plain.size == space.size
    assert len(set(plain.function_classes(plain.enumerate()))) < len(set(space.function_classes(space.enumerate())))
    everything = space.enumerate()
    assert structure(everything, space).values.shape[0] == 3**6
    roles = space.roles
    assert [space.operations[code] for code in roles.weighted] == ["conv", "skip"]
    assert [space.operations[code] for code in roles.skip] == ["skip[skip]"]


def test_positions_that_look_alike_but_are_not() -> None:
    space = DeclaredSpace(TWINS)
    assert space.size == 4  # without roles by position 3: conv|skip and skip|conv would be the same
    assert len(np.unique(fingerprint(space.enumerate()))) == 4
    assert len(space.neighbors(space.parse(["conv|conv"]))) == 2
    again = get_space(space.reference)
    assert again == space
    assert again.reference == space.reference


def test_a_role_everywhere_is_the_same_however_it_is_said() -> None:
    everywhere = dataclasses.replace(REDUCING, skip=("skip",))
    assert dataclasses.replace(REDUCING, skip={"*": ("skip",)}) == everywhere
    assert dataclasses.replace(REDUCING, skip={f"{a}-{b}": ("skip",) for a, b in EDGES}) == everywhere


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"skip": {"9": ["skip"]}}, "field 'skip': there is no position '9'; they are 0-1, 0-2"),
        ({"skip": {"skip": ["0-1"]}}, "field 'skip': there is no position 'skip'"),
        ({"skip": {"0-1": ["ski"]}}, "field 'skip, 0-1': 'ski' is not among 'operations'; did you mean 'skip'?"),
        ({"skip": {"0-1": ["none"]}}, "'none' is in 'skip' too at 0-1; an operation is one or the other"),
        ({"weights": ["none"]}, "field 'weights': 'none' is declared to do nothing to its input"),
        (
            {"operations": ["conv", 8]},
            "8 is a number, not text; write it in quotes; numbers that are ordered are given",
        ),
        ({"values": ["a"]}, "field 'values': got 'a'; a list of numbers"),
        ({"values": [8, 8.0]}, "field 'values': 8 is there twice"),
        ({"values": [float("inf")]}, "field 'values': got inf"),
        ({"attributes": {"k": []}}, "field 'attributes, k': none given"),
        ({"attributes": {"k": ["a/b"]}}, "'/' stands between attributes"),
        ({"attributes": {"a": list(range(8)), "b": list(range(8))}}, "64 combinations; at most 62 are possible"),
        ({"inputs": 2}, "field 'edges': one enters node 1, which is an input"),
        ({"outputs": 2}, "field 'edges': one leaves node 2, which is an output"),
        ({"constraint": "mine.py"}, "field 'constraint': got 'mine.py'; python:FILE.py:FUNCTION is needed"),
        ({"min_vertices": 3}, "operations on edges need a fixed topology"),
    ],
)
def test_mistakes_get_one_line(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        dataclasses.replace(REDUCING, **fields)  # type: ignore[arg-type]
    assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def chain(length: int, **fields: object) -> SpaceDeclaration:
    edges = tuple((vertex, vertex + 1) for vertex in range(length + 1))
    return SpaceDeclaration("chain", carries="vertices", vertices=length + 2, edges=edges, **fields)  # type: ignore[arg-type]


def test_numbers_are_ordered_and_at_logarithmic_distances() -> None:
    space = DeclaredSpace(chain(3, values=(64, 8, 16.0)))
    assert space.operations == ("input", "8", "16", "64", "output")
    assert space.size == 27
    assert space.format(space.parse(["8|16|64", "[64, 16, 8]"])) == ["8|16|64", "64|16|8"]
    values = structure(space.parse(["8|16|16", "16|16|16", "64|16|16"]), space, ["numbers"])
    column = list(values.names).index("numbers: log2 of value at 1")
    np.testing.assert_allclose(values.values[:, column], [3, 4, 6])
    mean = list(values.names).index("numbers: mean log2 of value")
    np.testing.assert_allclose(values.values[:, mean], [11 / 3, 4, 14 / 3])
    # Numbers that are not positive have no logarithm.
    names = structure(
        DeclaredSpace(chain(2, values=(-1, 0, 1))).enumerate(), DeclaredSpace(chain(2, values=(-1, 0, 1)))
    )
    assert "numbers: value at 1" in names.names


def test_operations_and_numbers_side_by_side() -> None:
    space = DeclaredSpace(
        chain(2, operations=("conv", "skip"), values=(8, 16), allowed={1: ["conv", "skip"], 2: [8, 16]})
    )
    assert space.format(space.enumerate()) == ["conv|8", "conv|16", "skip|8", "skip|16"]


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["kernel", "expansion", "kind"]),
        st.one_of(
            st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
        ),
        min_size=1,
    )
)
def test_attributes_are_all_combinations(attributes: dict[str, list[int] | list[str]]) -> None:
    number = math.prod(map(len, attributes.values()))
    if number < 2:
        return
    space = DeclaredSpace(chain(2, attributes=attributes))
    assert space.size == number**2
    assert len(space.declaration.names) == number
    texts = space.format(space.enumerate())
    np.testing.assert_array_equal(space.parse(texts).ops, space.enumerate().ops)
    assert get_space(space.reference) == space
    numbers, names = space.numbers(space.enumerate())
    ordered = [name for name, entries in attributes.items() if not isinstance(entries[0], str)]
    assert numbers.shape == (number**2, len(names))
    assert len(names) == len(ordered) * (3 + 4)
    for name in ordered:
        entries = [dict(zip(attributes, text.split("|")[0].split("/"), strict=True))[name] for text in texts]
        at = numbers[:, names.index(f"log2 of {name} at 1")]
        np.testing.assert_allclose(at, [math.log2(int(entry)) for entry in entries], rtol=1e-6)


def test_several_inputs_and_outputs_of_a_fixed_topology() -> None:
    on_vertices = SpaceDeclaration(
        "two", ("a", "b"), "vertices", vertices=6, inputs=2, outputs=2, edges=((0, 2), (1, 3), (2, 4), (3, 4), (2, 5))
    )
    space = DeclaredSpace(on_vertices)
    assert space.operations == ("input0", "input1", "a", "b", "output0", "output1")
    assert space.size == 4
    assert space.format(space.enumerate()) == ["a|a", "a|b", "b|a", "b|b"]
    assert space.roles.outputs == (4, 5)
    assert structure(space.enumerate(), space).values.shape[0] == 4
    on_edges = SpaceDeclaration(
        "pair", ("a", "skip"), "edges", nodes=4, inputs=2, edges=((0, 2), (1, 2), (0, 3), (2, 3)), skip=("skip",)
    )
    cells = DeclaredSpace(on_edges)
    listed = cells.enumerate()
    assert cells.size == 16
    # Inputs are not alike: a from the first and a skip from the second is not the other way round.
    # Only a and a skip from the first input straight and by way of a skip are the same in either order.
    assert len(set(cells.function_classes(listed).tolist())) == 8 + 3 * 2
    one, other = cells.parse(["|skip~0|a~1|+|a~0|skip~2|"]), cells.parse(["|a~0|skip~1|+|a~0|skip~2|"])
    assert cells.function_classes(one) != cells.function_classes(other)
    assert listed.adjacency[0, :2].sum() == 3


def test_functions_of_cells_with_several_outputs_are_those_of_all_of_them() -> None:
    space = DeclaredSpace(
        SpaceDeclaration(
            "ends",
            ("a", "skip", "none"),
            "vertices",
            vertices=5,
            outputs=2,
            edges=((0, 1), (0, 2), (1, 3), (2, 4)),
            skip=("skip",),
            zero=("none",),
        )
    )
    assert len(set(space.function_classes(space.enumerate()).tolist())) == space.size == 9


def test_forty_positions() -> None:
    space = DeclaredSpace(chain(40, values=(8, 16, 32, 64)))
    assert space.size == 4**40
    cells = space.sample(100, np.random.default_rng(0))
    assert space.is_valid(space.mutate(cells, np.random.default_rng(1))).all()
    assert len(space.neighbors(cells[0])) == 120
    with pytest.raises(InputError, match=r"field 'vertices': got 43; a whole number from 3 to 42"):
        chain(41, values=(8, 16))


CODE = """\
import os

def narrow(architecture):
    os.chdir("/")
    return architecture.count("64") <= 1

def refuses(architecture):
    return False

def words(architecture):
    return "yes"

def raises(architecture):
    raise KeyError(architecture)

def by_number(architecture):
    return architecture.startswith("a")

NUMBER = 3
"""

YAML = """\
name: narrow
carries: vertices
values: [8, 16, 64]
vertices: 5
edges: [[0, 1], [1, 2], [2, 3], [3, 4]]
constraint: python:rules.py:narrow
"""


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    own = "name: rates\ncarries: vertices\nvertices: 4\nedges: [[0, 1], [1, 2], [2, 3]]\n"
    (tmp_path / "values.yaml").write_text(own + "values: [1e-3, 1E-2, 8]\n")
    space = get_space(str(tmp_path / "values.yaml"))
    assert space.operations[1:-1] == ("0.001", "0.01", "8")
    for text in ("0.001|8", "1e-3|8.0", "1e-3, 8", "[1e-3, 8.0]", "0.0010:8"):
        assert space.format(space.parse([text])) == ["0.001|8"]
    (tmp_path / "attributes.yaml").write_text(own + "attributes: {rate: [1e-3, 1e-2], width: [8, 16]}\n")
    space = get_space(str(tmp_path / "attributes.yaml"))
    assert space.format(space.parse(["1e-3/8|1e-2/16.0"])) == ["0.001/8|0.01/16"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.py").write_text(CODE)
    (tmp_path / "space.yaml").write_text(YAML)
    return tmp_path


def test_a_constraint_in_a_yaml_file(folder: Path) -> None:
    space = get_space(str(folder / "space.yaml"))
    here = Path.cwd()
    listed = space.format(space.enumerate())
    by_hand = ["|".join(names) for names in itertools.product(["8", "16", "64"], repeat=3) if names.count("64") <= 1]
    assert listed == by_hand
    assert Path.cwd() == here
    assert space.size == len(by_hand) == 20
    rng = np.random.default_rng(0)
    cells = space.sample(20, rng)
    mutants = space.mutate(cells[[0] * 200], rng)
    assert space.is_valid(mutants).all()
    assert set(space.format(mutants)) == set(space.format(space.neighbors(cells[0])))
    assert all(text in by_hand for text in space.format(space.neighbors(cells[0])))
    with pytest.raises(InputError, match=r"'64\|64\|8' is not allowed by the constraint python:.*rules\.py:narrow"):
        space.parse(["64|64|8"])
    likely = space.most_likely(rng.normal(size=(50, 5, 5)), rng.normal(size=(50, 5, 5)))
    assert space.is_valid(likely).all()
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert copy.format(copy.enumerate()) == by_hand


def test_a_stored_constraint_is_not_run_unasked(folder: Path) -> None:
    space = get_space(str(folder / "space.yaml"))
    with pytest.raises(
        InputError, match=r"file is of a search space with a constraint in Python code.* not run unasked"
    ):
        stored_space(space.reference, None, "file")
    assert stored_space(space.reference, space, "file") is space
    from arch2vec.objectives import FunctionObjective
    from arch2vec.representations.ready import structure_embedding

    embedding = structure_embedding(space)
    first = identity_of(FunctionObjective(len), embedding)
    (folder / "rules.py").write_text(CODE.replace("<= 1", "<= 2"))
    again = structure_embedding(get_space(str(folder / "space.yaml")))
    assert len(again) == 26
    assert identity_of(FunctionObjective(len), again)["space_code"] != first["space_code"]


@pytest.mark.parametrize(
    ("constraint", "problem"),
    [
        ("rules.py:refuses", "narrow: its constraint python:"),
        ("rules.py:words", "returns 'yes' for '64|8|16'; True or False is needed"),
        ("rules.py:raises", "fails for '64|8|16': KeyError: '64|8|16'"),
        ("rules.py:missing", "has no function 'missing'; it has"),
        ("rules.py:NUMBER", "is not a function but 'int'"),
        ("nothing.py:rule", "there is no Python file"),
    ],
)
def test_constraints_that_do_not_work_get_one_line(folder: Path, constraint: str, problem: str) -> None:
    (folder / "space.yaml").write_text(YAML.replace("rules.py:narrow", constraint))
    with pytest.raises(InputError) as caught:
        get_space(str(folder / "space.yaml")).enumerate()
    assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_constraint_that_depends_on_the_numbering_is_refused(folder: Path) -> None:
    (folder / "twins.yaml").write_text(
        "name: twins\ncarries: vertices\noperations: [a, b]\nvertices: 4\n"
        "edges: [[0, 1], [0, 2], [1, 3], [2, 3]]\nconstraint: python:rules.py:by_number\n"
    )
    with pytest.raises(InputError, match=r"allows one of '.\|.' and '.\|.' only, which are the same architecture"):
        get_space(str(folder / "twins.yaml")).enumerate()
