"""Published results of architectures: readers of the original files, and one kind of table for all of them."""

from arch2vec.benchmarks.conversion import convert
from arch2vec.benchmarks.folders import data_folders
from arch2vec.benchmarks.loading import load
from arch2vec.benchmarks.releases import RELEASES, Release
from arch2vec.benchmarks.schema import Metric, TableSchema
from arch2vec.benchmarks.table import BenchmarkTable

__all__ = ["RELEASES", "BenchmarkTable", "Metric", "Release", "TableSchema", "convert", "data_folders", "load"]
