"""Figures. Each function draws one and writes it to a file; matplotlib is imported when one is called."""

from arch2vec.reports.cells import draw_cell
from arch2vec.reports.curves import best_so_far
from arch2vec.reports.regret import regret_curves, regret_distributions

__all__ = ["best_so_far", "draw_cell", "regret_curves", "regret_distributions"]
