"""Class names from a data set's `dataset_info.json`: {"label_dict": {"0": name, …}, "label_dict_en": …}."""

from __future__ import annotations

import json
from pathlib import Path

from likeness_convert.errors import ConvertError, about


def read(path: Path, num_classes: int) -> dict[str, list[str]]:
    """{"labels": names in class order}, and "labels_en" where the file has English ones.

    Raises ConvertError where the names are not exactly those of `num_classes` classes.
    """
    with about(path):
        try:
            info = json.loads(path.read_text("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ConvertError(f"is not JSON in UTF-8: {error}") from error
        if not isinstance(info, dict) or "label_dict" not in info:
            raise ConvertError("has no label_dict")
        labels = {"labels": in_order("label_dict", info["label_dict"], num_classes)}
        if "label_dict_en" in info:
            labels["labels_en"] = in_order("label_dict_en", info["label_dict_en"], num_classes)
        return labels


def in_order(key: str, names: object, num_classes: int) -> list[str]:
    """The names of classes 0 … num_classes − 1. Raises ConvertError."""
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ConvertError(f"{key} does not map class numbers to names")
    if len(names) != num_classes:
        raise ConvertError(f"{key} names {len(names)} classes, and the model has {num_classes}")
    missing = [number for number in range(num_classes) if str(number) not in names]
    if missing:
        raise ConvertError(f"{key} has no name for class {missing[0]}")
    ordered = [names[str(number)] for number in range(num_classes)]
    try:
        "".join(ordered).encode()
    except UnicodeEncodeError as error:  # JSON can spell half of a surrogate pair.
        raise ConvertError(f"{key} has a name that is not Unicode") from error
    return ordered
