"""Images: what the hospital sends, and what a network learns from.

In flows `[data]`; out flow labelled images that were looked at before anyone computes with them.
"""

from scenarios.data.dataset import check_classes, class_name
from scenarios.data.sources import Dataset, DataSettings, load_data, load_split, pick

__all__ = [
    "DataSettings",
    "Dataset",
    "check_classes",
    "class_name",
    "load_data",
    "load_split",
    "pick",
]
