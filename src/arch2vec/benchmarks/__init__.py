"""Published results of architectures: readers of the original files, and one kind of table for all of them."""

from arch2vec.benchmarks.schema import Metric, TableSchema
from arch2vec.benchmarks.table import BenchmarkTable

__all__ = ["BenchmarkTable", "Metric", "TableSchema"]
