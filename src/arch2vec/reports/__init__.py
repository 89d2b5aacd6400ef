"""Figures, pages and tables, one kind a module; matplotlib is imported when a figure is drawn."""
