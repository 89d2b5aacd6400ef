"""Looking at folders that commands write, while they write them or after: how far, how fast, what is best."""

from arch2vec.studies.inspection.folders import inspect
from arch2vec.studies.inspection.status import Best, Status
from arch2vec.studies.inspection.top import Evaluated, top

__all__ = ["Best", "Evaluated", "Status", "inspect", "top"]
