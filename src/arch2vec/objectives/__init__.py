"""What architectures are worth: table look-ups, real trainings, any Python function."""

from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.function import FunctionObjective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.objectives.spec import resolve_objective
from arch2vec.objectives.view import TableView

__all__ = ["FunctionObjective", "LookupObjective", "Objective", "Outcome", "TableView", "resolve_objective"]
