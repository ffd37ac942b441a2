"""What a run meant: tables, cost formulas, validation, figures and reports."""
