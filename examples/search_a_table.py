"""Search a table: which of 15,625 cells is the best, when only 20 of them may be looked up?

The table, digits-201, comes with the package; yours is read by
``arch2vec.resolve_objective("table:results.csv?validation=accuracy&test=test_accuracy", space)``.
"""

import arch2vec

space = arch2vec.get_space("nasbench201")
embedding = arch2vec.structure_embedding(space)  # numbers about every cell, without training any
objective = arch2vec.resolve_objective("digits-201")

for method in ("random", "group-bo"):
    result = arch2vec.search(embedding, objective, method=method, budget=20, seed=0)
    best = result.best
    print(f"{method}: {best.architecture}")
    print(f"    validation {best.validation:.2f} %, test {best.test:.2f} %, found at trial {best.number} of 20")
