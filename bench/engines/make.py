"""Makes what several engines read: see main()."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from engines import network
from engines.case import Case

SUFFIXES = {".jpg", ".jpeg", ".png"}


def picture_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def photographs(case: Case, folder: Path, count: int) -> np.ndarray:
    """Evenly spread over the folder, and prepared as the model file says."""
    import cv2

    how, files = network.preprocessing(Path(case.model)), picture_files(folder)
    chosen = [files[i * len(files) // count] for i in range(count)]
    size = (case.width, case.height)
    bgr = np.stack([cv2.resize(cv2.imread(str(file), cv2.IMREAD_COLOR), size) for file in chosen])
    return ((bgr[..., ::-1] / np.float32(255) - np.float32(how["mean"])) / np.float32(how["std"])).astype(np.float32)


def inputs(case: Case, folder: str, count: int) -> None:
    """Photographs where there is a folder of them, else normally distributed values: time does not depend on them."""
    if folder:
        pictures = photographs(case, Path(folder), count)
    else:
        shape = (count, case.height, case.width, 3)
        pictures = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    np.save(case.inputs, pictures)


def main(what: str, arguments: list[str]) -> None:
    """size MODEL | layers MODEL | random MODEL WIDTH | inputs CASE FOLDER COUNT | quantized CASE"""
    if what == "size":
        print(json.dumps(network.preprocessing(Path(arguments[0]))["size"]))
    elif what == "layers":
        print(json.dumps(network.Network(Path(arguments[0])).names()))
    elif what == "random":
        network.write_random(Path(arguments[0]), float(arguments[1]))
    elif what == "inputs":
        inputs(Case(**json.loads(arguments[0])), arguments[1], int(arguments[2]))
    else:
        from engines import quantized

        quantized.write(Case(**json.loads(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
