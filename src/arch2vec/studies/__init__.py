"""Many searches: methods x objectives x seeds, their trajectories, and what follows from them."""

from arch2vec.studies.horizon import Horizon
from arch2vec.studies.repeated import run_many, summarise
from arch2vec.studies.runs import Runs
from arch2vec.studies.study import run_study
from arch2vec.studies.table import Trajectories

__all__ = ["Horizon", "Runs", "Trajectories", "run_many", "run_study", "summarise"]
