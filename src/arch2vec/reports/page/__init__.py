"""One HTML page of what a folder holds: a run, a search, a comparison or a multi-objective study."""

from arch2vec.reports.page.build import Report, report

__all__ = ["Report", "report"]
