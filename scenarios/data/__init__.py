"""Images and tables: what hospitals send, and what is learnt from.

In flows `[data]`; out flow labelled images and rows of numbers, looked at before anyone computes.
"""

from scenarios.data.dataset import check_classes, class_name
from scenarios.data.sources import Dataset, DataSettings, load_data, load_split, load_texts, pick
from scenarios.data.tables import Table, TableSettings, load_table
from scenarios.data.vertical import KEY_BITS, Columns, Vertical, VerticalSettings, load_vertical

__all__ = [
    "KEY_BITS",
    "Columns",
    "DataSettings",
    "Dataset",
    "Table",
    "TableSettings",
    "Vertical",
    "VerticalSettings",
    "check_classes",
    "class_name",
    "load_data",
    "load_split",
    "load_table",
    "load_texts",
    "load_vertical",
    "pick",
]
