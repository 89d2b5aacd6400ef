"""The paper's tables and figures from runs of one's own, beside the published ones: a module for each."""
