"""Looking at folders that commands write, while they write them or after: how far, how fast, what is best."""

from arch2vec.inspection.folders import inspect
from arch2vec.inspection.status import Best, Status
from arch2vec.inspection.top import Evaluated, top

__all__ = ["Best", "Evaluated", "Status", "inspect", "top"]
