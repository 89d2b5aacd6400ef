"""What architectures are worth: table look-ups, real trainings, any Python function."""

from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.function import FunctionObjective
from arch2vec.objectives.spec import resolve_objective

__all__ = ["FunctionObjective", "Objective", "Outcome", "resolve_objective"]
