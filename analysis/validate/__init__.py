"""`mpcsim validate`: operations over a grid, or a scenario's layers, held to formulas; growth; claims.

In flows a scenario or nothing; out flow tables and a verdict. It may import `analysis.predict`.
"""

from analysis.validate import judge, tables, tcp_measured

__all__ = [
    "judge",
    "tables",
    "tcp_measured",
]
