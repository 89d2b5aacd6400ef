"""What is particular to the Bayesian searches: schedules, sampled pools, quirks of the release."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.searching import METHODS
from arch2vec.searching.acquisition import (
    ExpectedImprovement,
    PredictedMean,
    ReleasedExpectedImprovement,
    expected_improvement,
)
from arch2vec.searching.adjacency_bo import AdjacencyBayesianOptimization
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.gp_bo import GPBayesianOptimization, LocalBayesianOptimization
from arch2vec.searching.greedy_forest import GreedyForest
from arch2vec.searching.moves import moves_of
from arch2vec.searching.pool import WHOLE, Sampled, gather, pool_for
from arch2vec.searching.released_bo import ReleasedBayesianOptimization
from arch2vec.searching.vectors import function_vectors
from arch2vec.spaces import get_space
from arch2vec.surrogates.basis_network import BasisTraining
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.forest import Forest
from arch2vec.surrogates.gaussian_process import GaussianProcess

SMALL = DNGO(BasisTraining(width=16, epochs=20))
WEIGHTS = {"none": -3.0, "skip": 1.0, "1x1": 2.0, "3x3": 4.0, "avg": 0.5}


@pytest.fixture(scope="module")
def whole() -> Embedding:
    """All of NAS-Bench-201, operations one-hot as vectors."""
    space = get_space("nasbench201")
    graphs = space.enumerate()
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(len(graphs), -1))


@pytest.fixture(scope="module")
def part(whole: Embedding) -> Embedding:
    return whole.subset(np.random.default_rng(0).choice(len(whole), 200, replace=False))


def worth(candidate: Candidate) -> float:
    return 70 + sum(weight * candidate.architecture.count(part) for part, weight in WEIGHTS.items())


def run(search: SearchMethod, evaluations: int, batch: int = 1) -> list[int]:
    rows: list[int] = []
    while len(rows) < evaluations:
        candidates = search.ask(min(batch, evaluations - len(rows)))
        search.tell(candidates, [worth(candidate) for candidate in candidates])
        rows += [candidate.index for candidate in candidates]
    return rows


class TestSchedule:
    def test_learns_when_there_is_so_much_more(self, part: Embedding) -> None:
        search = BayesianOptimization(part, seed=0, initial=4, growth=1.5, surrogate=SMALL)
        sizes: list[int] = []
        for _ in range(25):
            run(search, 1)
            sizes.append(search.learned_size())
        assert sizes == [1, 2, 3, 4, 4, 6, 6, 6, 9, 9, 9, 9, 9, *[14] * 7, *[21] * 5]

    def test_every_round_where_asked_for(self, part: Embedding) -> None:
        search = BayesianOptimization(part, seed=0, initial=4, growth=1, surrogate=SMALL)
        for told in range(1, 9):
            run(search, 1)
            assert search.learned_size() == told
        with pytest.raises(InputError, match="growth"):
            BayesianOptimization(part, seed=0, growth=0.9)

    def test_every_value_counts_between_trainings(self, part: Embedding) -> None:
        """What is told after the last training moves the next proposals."""
        good, bad = (BayesianOptimization(part, seed=0, growth=10, surrogate=SMALL) for _ in range(2))
        for search, sign in ((good, 1), (bad, -1)):
            run(search, 16)
            for _ in range(4):
                asked = search.ask()
                search.tell(asked, [sign * worth(asked[0])])
        assert good.learned_size() == 16
        assert [row for row, _ in good._told] != [row for row, _ in bad._told]

    @pytest.mark.parametrize("method", [BayesianOptimization, GPBayesianOptimization, GreedyForest])
    def test_how_values_are_handed_over_does_not_matter(
        self, method: type[BayesianOptimization], part: Embedding
    ) -> None:
        """One by one with proposals between, or all at once: the next proposal is the same."""
        step = method(part, seed=0)
        told = run(step, 24)
        together = method(part, seed=0)
        candidates = [together.candidate(part.architectures[row]) for row in told]
        together.tell(candidates, [worth(candidate) for candidate in candidates])
        assert together.ask() == step.ask()


class TestSampledPool:
    def test_small_embeddings_are_scored_as_a_whole(self, part: Embedding) -> None:
        assert pool_for(part, None) is None
        assert pool_for(part, 50) == Sampled(50)
        assert pool_for(part, Sampled(7, 1, 0)) == Sampled(7, 1, 0)
        assert len(part) < WHOLE
        for wrong in ({"size": 0}, {"parents": -1}, {"steps": -1}):
            with pytest.raises(InputError, match="sampled pool"):
                Sampled(**wrong)

    @pytest.mark.parametrize("method", [BayesianOptimization, GPBayesianOptimization])
    def test_refinement_finds_what_a_sample_lacks(self, method: type[BayesianOptimization], whole: Embedding) -> None:
        def best(pool: Sampled | None) -> float:
            found = []
            for seed in range(3):
                surrogate = SMALL if method is BayesianOptimization else None
                search = method(whole, seed=seed, initial=8, pool=pool, surrogate=surrogate)
                rows = run(search, 30, batch=2)
                found.append(max(worth(search.candidate(whole.architectures[row])) for row in rows))
            return float(np.mean(found))

        refined, plain = best(Sampled(50)), best(Sampled(50, parents=0))
        assert refined > plain
        assert refined >= best(None) - 3

    def test_gathers_the_best_of_a_neighbourhood(self, whole: Embedding) -> None:
        """With enough steps from anywhere, hill climbing on an additive score ends at the maximum."""
        scores = np.array([worth(Candidate(row, text)) for row, text in enumerate(whole.architectures)])
        evaluated = np.zeros(len(whole), dtype=np.bool_)
        evaluated[:100] = True
        rows, found = gather(
            whole,
            Sampled(5, 3, 10),
            [0, 1],
            lambda rows: ~evaluated[rows],
            lambda rows: scores[rows],
            5,
            np.random.default_rng(0).integers(len(whole), size=5),
        )
        assert scores[rows].max() == scores[~evaluated].max()
        np.testing.assert_array_equal(found, scores[rows])
        assert not evaluated[rows].any()
        np.testing.assert_array_equal(rows, np.unique(rows))

    def test_repeats_resumes_and_runs_together(self, whole: Embedding) -> None:
        def search(seed: int) -> GPBayesianOptimization:
            return GPBayesianOptimization(whole, seed=seed, initial=6, pool=100)

        alone = [run(search(seed), 14) for seed in range(2)]
        assert run(search(0), 14) == alone[0]
        together = [search(seed) for seed in range(2)]
        for _ in range(14):
            for number, (candidate,) in enumerate(GPBayesianOptimization.ask_together(together)):
                together[number].tell([candidate], [worth(candidate)])
        assert [[row for row, _ in each._told] for each in together] == alone
        stopped = search(1)
        run(stopped, 9)
        resumed = search(5)
        resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
        assert run(resumed, 5) == alone[1][9:]

    def test_proposes_until_nothing_is_left(self, whole: Embedding) -> None:
        small = whole.subset(range(60))
        search = BayesianOptimization(small, seed=0, initial=2, surrogate=SMALL, pool=3)
        rows = []
        while search.remaining:
            asked = search.ask(min(4, search.remaining))
            search.tell(asked, [worth(candidate) for candidate in asked])
            rows += [candidate.index for candidate in asked]
        assert len(rows) == len(np.unique(small.function_classes)) == len(np.unique(small.function_classes[rows]))

    def test_works_on_a_sample_of_a_space_too_large_to_list(self) -> None:
        space = get_space("darts")
        graphs = space.sample(300, np.random.default_rng(0))
        rng = np.random.default_rng(1)
        embedding = Embedding(space, graphs, rng.normal(size=(300, 4)).astype(np.float32))
        assert len(np.unique(fingerprint(graphs))) == 300
        search = BayesianOptimization(embedding, seed=0, initial=4, surrogate=SMALL, pool=20)
        for _ in range(3):
            asked = search.ask(3)
            search.tell(asked, rng.normal(size=3))


class TestRelease:
    def test_acquisition_is_the_formula_with_variance_and_constant(self) -> None:
        mean, std = np.array([90.0, 93.0, 94.0, 94.9]), np.array([20.0, 12.0, 9.0, 4.0])
        values = ReleasedExpectedImprovement(95.0)(mean, std, best=93.5)
        expected = expected_improvement(mean / 100, (std / 100) ** 2, 0.95)
        np.testing.assert_allclose(np.exp(values), expected)
        np.testing.assert_array_equal(values, ReleasedExpectedImprovement(95.0)(mean, std, best=99.0))

    def test_at_the_usual_uncertainties_it_goes_for_the_unknown(self) -> None:
        """A variance in fractions is tiny: all lies far below the incumbent, and (m - f) / variance decides."""
        mean, std = np.array([94.0, 92.0]), np.array([0.5, 1.5])
        assert np.argmax(ExpectedImprovement()(mean, std, 93.9)) == 0
        assert np.argmax(ReleasedExpectedImprovement(95.0)(mean, std, 93.9)) == 1

    def test_pays_for_repeats_on_nasbench201(self, part: Embedding) -> None:
        tiny = part.subset(range(20))
        search = ReleasedBayesianOptimization(tiny, seed=0)
        functions = search.functions
        rows = run(search, 40)
        assert len(set(rows)) < len(rows)
        assert search.remaining == functions

    def test_does_not_repeat_what_is_pending_in_one_batch(self, part: Embedding) -> None:
        search = ReleasedBayesianOptimization(part, seed=0)
        run(search, 16)
        assert len({candidate.index for candidate in search.ask(5)}) == 5

    def test_repeats_that_are_pending_are_known(self, part: Embedding) -> None:
        search = BayesianOptimization(part.subset(range(20)), seed=0, initial=2, surrogate=SMALL, repeats=True)
        run(search, 30)
        asked = search.ask()
        assert asked[0].index in {row for row, _ in search._told}
        assert search.pending == asked
        resumed = BayesianOptimization(part.subset(range(20)), seed=0, initial=2, surrogate=SMALL, repeats=True)
        resumed.load_state_dict(json.loads(json.dumps(search.state_dict())))
        assert resumed.pending == asked
        search.tell(asked, [1.0])
        assert search.pending == []

    def test_elsewhere_it_does_not_repeat(self) -> None:
        space = get_space("nasbench101")
        graphs = space.sample(40, np.random.default_rng(0))
        embedding = Embedding(space, graphs, np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32))
        search = ReleasedBayesianOptimization(embedding, seed=0)
        assert not search.repeats
        assert search.acquisition == ReleasedExpectedImprovement(95.0)
        assert ReleasedBayesianOptimization.name in METHODS


class TestOtherInputs:
    def test_the_discrete_search_sees_the_adjacency_encoding(self, part: Embedding) -> None:
        """It is the search on an embedding whose vectors are the encoding, whatever the vectors are."""
        vectors = adjacency_one_hot(part.graphs, part.space)
        noise = np.random.default_rng(0).normal(size=(len(part), 5)).astype(np.float32)
        ours = run(
            AdjacencyBayesianOptimization(Embedding(part.space, part.graphs, noise), seed=0, surrogate=SMALL), 20
        )

        class AsTheyAre(BayesianOptimization):
            @classmethod
            def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
                return embedding.vectors

        assert ours == run(AsTheyAre(Embedding(part.space, part.graphs, vectors), seed=0, surrogate=SMALL), 20)

    def test_the_process_sees_all_dimensions_at_one_scale(self, part: Embedding) -> None:
        scales = np.logspace(-3, 3, part.dimensions).astype(np.float32)
        stretched = Embedding(part.space, part.graphs, part.vectors * scales + 5)
        np.testing.assert_allclose(function_vectors(stretched), function_vectors(part), atol=1e-2)
        assert run(GPBayesianOptimization(stretched, seed=0), 20) == run(GPBayesianOptimization(part, seed=0), 20)

    def test_what_does_not_vary_is_only_centred(self, part: Embedding) -> None:
        constant = Embedding(
            part.space, part.graphs, np.hstack([part.vectors, np.full((len(part), 1), 0.1, np.float32)])
        )
        np.testing.assert_allclose(function_vectors(constant)[:, -1], 0, atol=1e-6)

    def test_what_computes_the_same_has_the_same_vector(self, part: Embedding) -> None:
        drawn = np.random.default_rng(0).normal(3, [0.1, 1, 9], size=(len(part), 3)).astype(np.float32)
        embedding = Embedding(part.space, part.graphs, drawn)
        vectors, classes = function_vectors(embedding), part.function_classes
        for number in np.unique(classes):
            members = classes == number
            np.testing.assert_array_equal(
                vectors[members], np.broadcast_to(vectors[members][0], vectors[members].shape)
            )
        standard = (drawn - drawn.mean(0)) / drawn.std(0)
        means = np.stack([standard[classes == number].mean(0) for number in classes])
        np.testing.assert_allclose(vectors, (means - means.mean(0)) / means.std(0), atol=1e-4)

    def test_kernels_make_different_searches(self, part: Embedding) -> None:
        rows = [
            run(GPBayesianOptimization(part, seed=0, surrogate=GaussianProcess(k)), 24) for k in ("rbf", "matern52")
        ]
        assert rows[0][:8] == rows[1][:8]
        assert rows[0] != rows[1]

    def test_the_greedy_forest_evaluates_what_scikit_learn_predicts_to_be_best(self, part: Embedding) -> None:
        from sklearn.ensemble import RandomForestRegressor

        search = GreedyForest(part, seed=3)
        rows = run(search, 16)
        state = int(np.random.SeedSequence((3, 16)).generate_state(1)[0])
        forest = RandomForestRegressor(Forest().trees, random_state=state)
        vectors = function_vectors(part)
        forest.fit(vectors[rows], [worth(search.candidate(part.architectures[row])) for row in rows])
        (chosen,) = search.ask()
        free = [row for row in range(len(part)) if part.function_classes[row] not in part.function_classes[rows]]
        predicted = forest.predict(vectors)
        assert predicted[chosen.index] == pytest.approx(predicted[free].max(), rel=1e-6)
        assert isinstance(search.acquisition, PredictedMean)
        with pytest.raises(InputError, match="tree"):
            Forest(trees=0)

    def test_failures_leave_no_trace_in_what_is_learned(self, part: Embedding) -> None:
        clean, failing = (GPBayesianOptimization(part, seed=0) for _ in range(2))
        rows = run(clean, 20)
        spare = [row for row in range(len(part)) if part.function_classes[row] not in part.function_classes[rows]][:3]
        for row in [rows[0], spare[0], *rows[1:10], spare[1], *rows[10:], spare[2]]:
            candidate = failing.candidate(part.architectures[row])
            failing.tell([candidate], [math.nan if row in spare else worth(candidate)])
        for search in (clean, failing):
            search._covered[search._function[spare]] = True
        assert clean.ask() == failing.ask()


class TestLocal:
    def test_looks_around_the_best(self, whole: Embedding) -> None:
        search, moves = LocalBayesianOptimization(whole, seed=0), moves_of(whole)
        rows = run(search, 3)
        for _ in range(10):
            values = [worth(search.candidate(whole.architectures[row])) for row in rows]
            best = rows[int(np.argmax(values))]
            (chosen,) = run(search, 1)
            assert chosen in moves.neighbours(best)
            rows.append(chosen)

    def test_goes_elsewhere_when_nothing_is_left_there(self, whole: Embedding) -> None:
        row = 4
        around = moves_of(whole).neighbours(row).tolist()
        search = LocalBayesianOptimization(whole, seed=0)
        search.tell([search.candidate(whole.architectures[r]) for r in [row, *around]], [95.0, *[90.0] * len(around)])
        (chosen,) = search.ask()
        assert chosen.index not in [row, *around]

    def test_batches_larger_than_the_neighbourhood(self, whole: Embedding) -> None:
        search = LocalBayesianOptimization(whole, seed=0)
        assert len(set(run(search, 83, batch=40))) == 83

    def test_finds_the_optimum_of_an_additive_function(self, whole: Embedding) -> None:
        optimum = max(worth(Candidate(row, text)) for row, text in enumerate(whole.architectures))
        for seed in range(3):
            search = LocalBayesianOptimization(whole, seed=seed)
            rows = run(search, 40)
            found = max(worth(search.candidate(whole.architectures[row])) for row in rows)
            assert found == optimum
        with pytest.raises(InputError, match="around"):
            LocalBayesianOptimization(whole, seed=0, around=-1)
