"""Images and tables: what hospitals send, and what is learnt from.

In flows `[data]`; out flow labelled images and rows of numbers, looked at before anyone computes.
"""

from scenarios.data.dataset import check_classes, class_name
from scenarios.data.sources import Dataset, DataSettings, load_data, load_split, pick
from scenarios.data.tables import Table, TableSettings, load_table

__all__ = [
    "DataSettings",
    "Dataset",
    "Table",
    "TableSettings",
    "check_classes",
    "class_name",
    "load_data",
    "load_split",
    "load_table",
    "pick",
]
