"""Architectures as other programs write them: read where that is certain, and refused where it is not."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.cli.main import main
from arch2vec.spaces import NASBench101, NASBench201, SearchSpace, get_space
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.nasbench101.hashes import module_hashes
from one_line import error_of

SPACE_201, SPACE_101 = NASBench201(), NASBench101()
PAIR, SINGLE = get_space("darts_pair"), get_space("darts")
CELL = "|avg_pool_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
BENCHMARK = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NASLIB = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]  # in the order of the benchmark's text
CHAIN = "0110;0001;0001;0000|input,conv3x3-bn-relu,maxpool3x3,output"
ROWS = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
NAMES = ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]
GENOTYPE = PUBLISHED_GENOTYPES["DARTS_V2"]


def read(space: SearchSpace, text: object) -> tuple[str, str | None]:
    reading = space.read([text])  # type: ignore[list-item]  # Python's own tuples are read too
    assert np.array_equal(reading.graphs.ops, space.parse([text]).ops)  # type: ignore[list-item]
    return space.format(reading.graphs)[0], reading.note


@pytest.mark.parametrize(
    ("text", "notation"),
    [
        (CELL, None),
        (f"  '{CELL}',", None),
        (CELL.replace("+", " + "), None),
        ("(4, 0, 3, 1, 4, 3)", "none 0, skip_connect 1, nor_conv_1x1 2"),
        ("[4,0,3,1,4,3]", "none 0"),
        ((4, 0, 3, 1, 4, 3), "none 0"),
        ("[[0,0,0,0],[4,0,0,0],[0,3,0,0],[1,4,3,0]]", "matrix"),
        ("[('avg_pool_3x3','none','nor_conv_3x3','skip_connect','avg_pool_3x3','nor_conv_3x3')]".strip("[]"), "names"),
        ("[[('avg_pool_3x3', 0)], [('none', 0), ('nor_conv_3x3', 1)], "
         "[('skip_connect', 0), ('avg_pool_3x3', 1), ('nor_conv_3x3', 2)]]", "lists"),
        (f"epoch 12: arch={CELL} accuracy 91.2", "a line that holds one cell"),
        (f"cell: {CELL}", None),
        (json.dumps({"arch_str": CELL}), "a line"),
        (CELL.strip("|"), "a line"),
        (CELL.replace("nor_conv_3x3", "conv3x3").replace("skip_connect", "SKIP"), "a line"),
        ("avg_pool_3x3, none, nor_conv_3x3, skip_connect, avg_pool_3x3, nor_conv_3x3", "names"),
        ("avg_pool_3x3|none|nor_conv_3x3|skip_connect|avg_pool_3x3|nor_conv_3x3", "names"),
        ("4|0|3|1|4|3", "none 0"),
        ("4-0-3-1-4-3", "none 0"),
        ("[4. 0. 3. 1. 4. 3.]", "none 0"),
        (np.array([4, 0, 3, 1, 4, 3]), "none 0"),
        ("{'1<-0': 'avg_pool_3x3', '2<-0': 'none', '2<-1': 'nor_conv_3x3', '3<-0': 'skip_connect', "
         "'3<-1': 'avg_pool_3x3', '3<-2': 'nor_conv_3x3'}", "mapping"),
        ({(1, 2): "AvgPool1x1", (1, 3): "Zero", (1, 4): "Identity", (2, 3): "ReLUConvBN3x3", (2, 4): "AvgPool1x1",
          (3, 4): "ReLUConvBN3x3"}, "mapping"),
        ("naslib:['AvgPool1x1', 'Zero', 'Identity', 'ReLUConvBN3x3', 'AvgPool1x1', 'ReLUConvBN3x3']", "by source"),
        ("op_indices = (4, 1, 0, 2, 4, 2)", "NASLib"),
        ('{"op_indices": [4, 1, 0, 2, 4, 2]}', "NASLib"),
    ],
)  # fmt: skip
def test_nasbench201(text: object, notation: str | None) -> None:
    found, note = read(SPACE_201, text)
    assert found == CELL
    assert note is None if notation is None else notation in str(note)


@given(st.tuples(*[st.integers(0, 4)] * 6))
def test_the_two_numberings_of_nasbench201(numbers: tuple[int, ...]) -> None:
    """Against the definition: each number names the operation of one edge."""
    for prefix, names, edges in (("", BENCHMARK, EDGES), ("naslib:", NASLIB, sorted(EDGES))):
        operation = {edge: names[number] for edge, number in zip(edges, numbers, strict=True)}
        groups = [[f"{operation[s, t]}~{s}" for s, t in EDGES if t == target] for target in (1, 2, 3)]
        expected = "+".join(f"|{'|'.join(group)}|" for group in groups)
        assert read(SPACE_201, f"{prefix}{numbers}")[0] == expected


@pytest.mark.parametrize("index", [0, 1, 7111, 15_624])
def test_an_index_of_nasbench201(index: int) -> None:
    expected = SPACE_201.format(SPACE_201.enumerate()[[index]])[0]
    assert read(SPACE_201, str(index))[0] == read(SPACE_201, f"#{index}")[0] == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("15625", "go from 0 to 15,624"),
        ("403143", r"written \(4, 0, 3, 1, 4, 3\)"),
        ("004313", "ambiguous"),
        ("(4, 0, 3, 1, 4, 5)", "operation number 5"),
        ("naslib:(4, 0)", "six numbers"),
        ("['Zero', 'Identity', 'Zero', 'Zero', 'Zero', 'Zero']", "write naslib:"),
        (f"{CELL}+|none~0|none~1|none~2|none~3|", "a cell of other nodes"),
        ("{'0-1': 'none', '0-2': 'none'}", "other edges than the six"),
        (f"{CELL} {CELL.replace('none', 'skip_connect')}", "2 different architectures"),
        ("[[0,1,0,0],[4,0,0,0],[0,3,0,0],[1,4,3,0]]", "row = target node"),
        ("__import__('os').system('true')", "one looks like"),
        (12, "an architecture is text, got int"),
        (None, "an architecture is text, got NoneType"),
    ],
)
def test_what_nasbench201_refuses(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        SPACE_201.read([text])  # type: ignore[list-item]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"({ROWS}, {NAMES})",
        json.dumps([ROWS, NAMES]),
        f"ModelSpec({ROWS}, {NAMES})",
        f"spec = api.ModelSpec(matrix={ROWS}, ops={NAMES})",
        f"{{'matrix': {ROWS}, 'ops': {NAMES}}}",
        json.dumps({"module_adjacency": ROWS, "module_operations": NAMES}),
        f"[{np.array(ROWS)!r}, {NAMES}]",
        f"({np.array(ROWS)!s}, {NAMES})",
        f"({ROWS}, [-1, 0, 2, -2])",
        f"({ROWS}, [0, 4, 2, 1])",
        f"({ROWS}, [0, 2, 3, 4])",
        str((*itertools.chain(*ROWS), 0, 4, 2, 1)),
        CHAIN.replace(",", ", "),
        (ROWS, NAMES),
        (np.array(ROWS), NAMES),
        f"matrix={ROWS}, ops={NAMES}",
        f"{np.array(ROWS)}{np.array(NAMES)}",
        f"{ROWS}; {NAMES}",
        f"{ROWS}|{NAMES}",
        f"{np.array(ROWS)}|{','.join(NAMES)}",
        f"({NAMES}, {ROWS})",
        str((list(itertools.chain(*ROWS)), NAMES)),
        str({"adj": np.array(ROWS, dtype=bool).tolist(), "labels": [-1.0, 0.0, 2.0, -2.0]}),
        str((np.array(ROWS, dtype=float).tolist(), ["conv3x3", "MAXPOOL3X3"])),
        CHAIN.replace(";", ","),
        CHAIN.replace(";", ""),
    ],
)
def test_nasbench101(text: object) -> None:
    assert read(SPACE_101, text)[0] == CHAIN


def test_an_unpruned_cell_may_have_eight_vertices() -> None:
    matrix = np.zeros((8, 8), dtype=int)
    for source, target in ((0, 1), (0, 2), (1, 7), (2, 7), (0, 5), (3, 4)):  # 3 to 6 lead nowhere
        matrix[source, target] = 1
    operations = ["input", "conv3x3-bn-relu", "maxpool3x3", *["conv1x1-bn-relu"] * 4, "output"]
    assert read(SPACE_101, f"({matrix.tolist()}, {operations})")[0] == CHAIN
    assert SPACE_101.format(SPACE_101.from_matrix(matrix, operations)) == [CHAIN]
    assert read(SPACE_101, ";".join("".join(map(str, row)) for row in matrix) + "|" + ",".join(operations))[0] == CHAIN
    matrix[np.arange(7), np.arange(1, 8)] = 1
    assert "8 vertices between input and output" in error_of(
        lambda: SPACE_101.read([f"({matrix.tolist()}, {operations})"])
    )


def test_operations_of_nasbench101_as_integers() -> None:
    assert SPACE_101.format(SPACE_101.from_matrix(ROWS, [-1, 0, 2, -2])) == [CHAIN]
    for numbers in ([0, 1, 2, 3], [2, 3], [-1, 5, 2, -2]):
        assert "ambiguous" in error_of(lambda numbers=numbers: SPACE_101.from_matrix(ROWS, numbers))  # type: ignore[misc]
    assert "names or whole numbers" in error_of(lambda: SPACE_101.from_matrix(ROWS, ["input", 1, 2, "output"]))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 31_415, 423_623])
def test_published_hashes_and_indices_of_nasbench101(index: int) -> None:
    cell = SPACE_101.enumerate()[[index]]
    for text in (module_hashes(cell)[0], str(index)):
        assert read(SPACE_101, text)[0] == SPACE_101.format(cell)[0]
    assert "no nasbench101 cell" in error_of(lambda: SPACE_101.read(["0" * 32]))


def _cells() -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    call = ast.parse(GENOTYPE, mode="eval").body
    assert isinstance(call, ast.Call)
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    return ast.literal_eval(fields["normal"]), ast.literal_eval(fields["reduce"])


NORMAL, REDUCE = _cells()
OPERATIONS = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]


def _nested(cell: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    return [cell[at : at + 2] for at in range(0, 8, 2)]


def _configuration() -> dict[str, str]:
    """DARTS_V2 as NAS-Bench-301's ConfigSpace names it: edges are counted node by node, by source."""
    settings = {"CreateImageDataLoader:batch_size": "96"}
    head = "NetworkSelectorDatasetInfo:darts:"
    for name, cell in (("normal", NORMAL), ("reduce", REDUCE)):
        numbers = {pair: number for number, pair in enumerate((node, s) for node in range(2, 6) for s in range(node))}
        for node, entries in enumerate(_nested(cell), start=2):
            for operation, source in entries:
                settings[f"{head}edge_{name}_{numbers[node, source]}"] = operation
            if node > 2:
                sources = sorted(source for _, source in entries)
                settings[f"{head}inputs_node_{name}_{node}"] = "_".join(map(str, sources))
    return settings


@pytest.mark.parametrize(
    "text",
    [
        "DARTS_V2",
        "darts-v2",
        f"DARTS_V2 = {GENOTYPE}",
        f"normal={NORMAL}, reduction={REDUCE}",
        json.dumps({"normal_cell": NORMAL, "reduction_cell": REDUCE}),
        GENOTYPE.replace("[2, 3, 4, 5]", "array([2, 3, 4, 5])"),
        f"06/01 09:12:11 PM genotype = {GENOTYPE}",
        f"genotypes.{GENOTYPE}",
        f"'{GENOTYPE}'",
        f"Genotype({NORMAL}, range(2, 6), {REDUCE}, [2, 3, 4, 5])",
        f"Genotype(normal={_nested(NORMAL)}, normal_concat=[5, 4, 3, 2],\n reduce={_nested(REDUCE)}, "
        "reduce_concat=range(2, 6))",
        str((NORMAL, REDUCE)),
        (NORMAL, REDUCE),
        str({"normal": NORMAL, "reduce": REDUCE}),
        str([[(source, operation) for operation, source in cell] for cell in (NORMAL, REDUCE)]),
        str(tuple(tuple((source, OPERATIONS.index(name)) for name, source in cell) for cell in (NORMAL, REDUCE))),
        _configuration(),
        json.dumps(_configuration()),
        "Configuration(values={" + ", ".join(f"'{key}': '{value}'" for key, value in _configuration().items()) + "})",
    ],
)
def test_darts(text: object) -> None:
    expected = PAIR.parse([GENOTYPE])
    found = PAIR.read([text])  # type: ignore[list-item]
    assert np.array_equal(PAIR.function_classes(found.graphs), PAIR.function_classes(expected))
    if "Genotype" not in str(text) and "v2" not in str(text).lower():  # which are the space's own published forms
        assert found.note is not None


@pytest.mark.parametrize(
    ("space", "text", "said"),
    [
        (PAIR, f"{GENOTYPE} {PUBLISHED_GENOTYPES['SNAS']}", "2 genotypes"),
        (PAIR, "DARTS_V9", "unknown published genotype"),
        (PAIR, "NASNet", "unknown published genotype"),
        (PAIR, str(NORMAL), "one cell; the darts_pair space needs"),
        (PAIR, str(([(0, 7)] * 8, [(0, 1)] * 8)), "operation number 7"),
        (PAIR, f"({[*_nested(NORMAL)[:3], [('skip_connect', 0)]]}, {NORMAL})", "nodes of 2, 2, 2, 1 entries"),
        (PAIR, json.dumps(_configuration()).replace("edge_normal_1", "edge_normal_13"), "lacks edge_normal_1"),
        (PAIR, GENOTYPE.replace("[2, 3, 4, 5]", "[2, 3, 4, 5, 6]"), "concat must be range"),
        (SINGLE, GENOTYPE, "use the space darts_pair"),
        (SINGLE, f"Genotype({NORMAL}, [2, 3, 4, 5], {REDUCE}, [2, 3, 4, open('x')])", "literal"),
    ],
)
def test_what_darts_refuses(space: SearchSpace, text: str, said: str) -> None:
    assert said in error_of(lambda: space.read([text]))


def test_one_cell_of_darts() -> None:
    assert SINGLE.format(SINGLE.parse(str(NORMAL))) == [PAIR.format(PAIR.parse([GENOTYPE]))[0].partition("+")[0]]
    assert np.array_equal(SINGLE.parse(["ARCH2VEC_BO"]).ops, SINGLE.parse([PUBLISHED_GENOTYPES["ARCH2VEC_BO"]]).ops)


@pytest.mark.parametrize(
    ("declaration", "own", "texts"),
    [
        ("carries: vertices\nvertices: 4\nedges: [[0,1],[1,2],[2,3]]", "relu|tanh",
         ["'relu | tanh'", "['relu', 'tanh']", ("relu", "tanh"), "relu,tanh", "relu -> tanh", "relu tanh", "relu:tanh",
          "arch: relu|tanh", {1: "relu", 2: "tanh"}, '["relu|tanh"]']),
        ("carries: edges\nnodes: 3\nedges: [[0,1],[0,2],[1,2]]", "|relu~0|+|tanh~0|relu~1|",
         ["|relu~0| + |tanh~0|relu~1|", "['relu', 'tanh', 'relu']", "relu|tanh|relu", "[['relu'], ['tanh', 'relu']]",
          "[[('relu', 0)], [('relu', 1), ('tanh', 0)]]", {"0->1": "relu", "1->2": "relu", "0->2": "tanh"}]),
        ("carries: vertices\nvertices: 4\nmax_edges: 5", "010;001;000|input,relu,output",
         ["010;001;000|input, relu, output", {"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["relu"]},
          "([[0,1,0],[0,0,1],[0,0,0]], ['input', 'relu', 'output'])"]),
    ],
)  # fmt: skip
def test_declared_spaces(tmp_path: Path, declaration: str, own: str, texts: list[object]) -> None:
    (tmp_path / "own.yaml").write_text(f"name: own\noperations: [relu, tanh]\n{declaration}\n")
    space = get_space(str(tmp_path / "own.yaml"))
    for text in texts:
        assert read(space, text)[0] == own


@pytest.mark.parametrize("space", [SPACE_201, SPACE_101, PAIR, SINGLE], ids=lambda space: space.name)
def test_one_text_is_one_architecture(space: SearchSpace) -> None:
    texts = [CHAIN] if space is SPACE_101 else space.format(space.sample(1, np.random.default_rng(0)))
    assert space.format(space.parse(texts[0])) == texts


@given(st.text(max_size=80) | st.text(alphabet="[](){}',:0123456789 -_abceinoprst=\"", max_size=80))
def test_no_text_crashes_an_importer(text: str) -> None:
    for space in (SPACE_201, PAIR, SINGLE):
        try:
            space.read([text])
        except ValueError as error:
            assert "\n" not in str(error).replace(text, "")


@pytest.mark.parametrize("given_text", ["(4, 0, 3, 1, 4, 3)", f"'{CELL}'"])
def test_export_says_what_it_took_a_text_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given_text: str
) -> None:
    assert main(["export", given_text, "--space", "nasbench201", "--to", str(tmp_path / "m.py"), "--json"]) == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out)["architecture"] == CELL
    assert ("read as the benchmark's operation numbers" in streams.err) == given_text.startswith("(")


def test_export_takes_a_pasted_genotype_without_a_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", f"DARTS_V2 = {GENOTYPE}", "--to", str(tmp_path / "m.svg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["space"] == "darts_pair"


def _written(lines: Callable[[str], str], path: Path) -> Path:
    path.write_text("architecture;val\n" + "\n".join(map(lines, ("(4, 0, 3, 1, 4, 3)", "7"))) + "\n")
    return path


def test_a_table_holds_foreign_notations(tmp_path: Path) -> None:
    from arch2vec.objectives.table import TableObjective

    path = _written(lambda text: f"{text};{len(text)}.5", tmp_path / "t.csv")
    objective = TableObjective(path, validation="val", space="nasbench201", partial=True)
    assert objective.evaluate(CELL).validation == 18.5
    assert "read as the benchmark's operation numbers" in objective.description
