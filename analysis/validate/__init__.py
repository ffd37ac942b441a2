"""`mpcsim validate`: operations over a grid, or a scenario's layers, held to formulas; growth; claims.

In flows a scenario or nothing; out flow tables and a verdict. It may import `analysis.predict`.
"""

from analysis.validate import function_table, judge, tables, tcp_measured

__all__ = [
    "function_table",
    "judge",
    "tables",
    "tcp_measured",
]
