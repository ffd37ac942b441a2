"""`mpcsim plot`: figures for papers, each in a module of its own; `plot` says which there are.

In flow records, sweeps and validations; out flow SVG, PDF and PNG files.
"""

from analysis.figures import plot

__all__ = [
    "plot",
]
