#!/usr/bin/env python3
"""Trains the zodiac model: MobileNetV2 in Paddle, from a converted backbone, on the pictures of make_pictures.py.

    examples/zodiac/train            (sets up the environment and runs this; README.md says more)

Two steps, each on outputs of the network that are computed once, by `likeness extract`, because two cores are slow:

1. The head alone, on pooled features of the frozen backbone: a linear discriminant, or softmax regression to compare.
2. The last blocks and the head, on the maps before these blocks. Batch norms keep their statistics. Beside the classes
   the loss asks that pooled features keep their directions (--anchor), so that photographs stay as well told apart as
   before.

Then the trained weights are mixed with those from the start (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models"); mix.tsv shows what each share does to drawings, and to the photographs of --watch, which are looked at and
never trained on. --mix takes one; the head is fitted anew to its features, and both of Paddle's forms are written.
A run that was interrupted goes on with the epoch after the last that it finished.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.random  # before Paddle 2.6, which trips over it otherwise
import paddle
import paddle.nn.functional as nnf
from discriminant import best_scale, discriminant
from folds import CLASSES, read_list, read_pictures
from safetensors import SafetensorError, safe_open

NAME = "Zodiac_Mobilenetv2_final"  # the study's
BLOCKS = 19
PLACES = {"output", "cache", "likeness", "watch", "mix"}  # options that change nothing of the training
BATCH, HEAD_STEPS = 64, 100
SHARES = [0.0, 0.25, 0.5, 0.75, 1.0]

Array = Any  # NumPy's
Weights = dict[str, Any]


class TrainError(Exception):
    """What the user is told, in one line."""


@dataclass
class Data:
    """What the frozen part of the network makes of pictures, and the pictures' labels."""

    maps: Array  # [n, channels, height, width], before the trained blocks
    pooled: Array  # [n, 1280], of the backbone as it was
    labels: Array  # [n]
    works: Array  # [n], names of artworks

    def rows(self, chosen: Array) -> Data:
        return Data(self.maps[chosen], self.pooled[chosen], self.labels[chosen], self.works[chosen])


class Backbone:
    """A model file: its tensors, and the settings under which they were trained and will be run."""

    def __init__(self, path: Path) -> None:
        try:
            with safe_open(str(path), framework="numpy") as file:
                self.metadata = file.metadata() or {}
                self.tensors: Weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
            self.preprocess = json.loads(self.metadata["preprocess"])
        except (SafetensorError, KeyError) as error:
            raise TrainError(f"{path} is no model file of likeness-convert: {error}") from None

    def network(self, num_classes: int) -> Any:
        """Paddle's own network with these weights, padding and epsilon. The head is fresh."""
        network = paddle.vision.models.mobilenet_v2(num_classes=num_classes)
        network.set_state_dict(network.state_dict() | self.tensors)
        for layer in network.sublayers():
            if isinstance(layer, paddle.nn.BatchNorm2D):
                layer._epsilon = float(self.metadata["bn_epsilon"])
            elif isinstance(layer, paddle.nn.Conv2D) and self.metadata["padding"] == "keras-same":
                layer._padding_algorithm = "SAME"
        network.eval()
        return network


class Tail:
    """The blocks that are trained, the head, and nothing else of the network."""

    def __init__(self, network: Any, first: int) -> None:
        self.network = network
        self.blocks = [network.features[number] for number in range(first, BLOCKS)]
        self.head = network.classifier[1]
        self.block_parameters = [p for block in self.blocks for p in block.parameters()]

    def pooled(self, maps: Any) -> Any:
        for block in self.blocks:
            maps = block(maps)
        return maps.mean([2, 3])

    def outputs(self, data: Data) -> Array:
        """Pooled features, without gradients."""
        with paddle.no_grad():
            pooled = [self.pooled(paddle.to_tensor(data.maps[rows])).numpy() for rows in batches(len(data.maps))]
        return np.concatenate(pooled)

    def logits(self, pooled: Array) -> Array:
        with paddle.no_grad():
            return self.head(paddle.to_tensor(pooled)).numpy()

    def weights(self) -> Weights:
        """All weights of the network, as copies."""
        return {name: tensor.numpy().copy() for name, tensor in self.network.state_dict().items()}


def batches(count: int) -> Iterator[slice]:
    for start in range(0, count, BATCH):
        yield slice(start, start + BATCH)


def cached(options: argparse.Namespace, name: str, paths: list[Path], labels: Array, works: Array) -> Data:
    """Maps and pooled features of the pictures, from the files of an earlier run if they were made alike."""
    folder = options.cache
    folder.mkdir(parents=True, exist_ok=True)
    feature = f"features.{options.first - 1}"
    stem = f"{name}-{options.size}-{options.backbone.stem}"
    maps, pooled = folder / f"{stem}-{feature}.npy", folder / f"{stem}-pooled.npy"
    stamp, wanted = folder / f"{stem}-{feature}.stamp", fingerprint(options.backbone, paths)
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        pictures = folder / f"{stem}.list"
        pictures.write_text("".join(f"{path}\t{label}\n" for path, label in zip(paths, labels, strict=True)), "utf-8")
        command = [options.likeness, "extract", options.backbone, pictures, "--size", str(options.size)]
        command += ["--feature", feature, "--feature", "pooled", "--strict", "-o", folder / f"{stem}.npy"]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except OSError as error:
            raise TrainError(f"{options.likeness}: {error.strerror}") from None
        except subprocess.CalledProcessError as error:  # it has said why
            raise TrainError(f"{options.likeness} extract ends with {error.returncode}") from None
        stamp.write_text(wanted, "utf-8")
    flat = np.load(maps, mmap_mode="r")
    side = map_side(options)
    return Data(flat.reshape(len(paths), -1, side, side), np.load(pooled), labels, works)


def fingerprint(backbone: Path, paths: list[Path]) -> str:
    """Changes with the backbone's bytes, and with every picture's name, size and time."""
    digest = hashlib.sha256(backbone.read_bytes())
    for path in paths:
        state = path.stat()
        digest.update(f"{path}\t{state.st_size}\t{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def map_side(options: argparse.Namespace) -> int:
    """Height and width of the maps before the trained blocks: each halving rounds up."""
    side = options.size
    for block in (0, 2, 4, 7, 14):
        if block < options.first:
            side = -(-side // 2)
    return int(side)


def check_cache(options: argparse.Namespace, backbone: Backbone, data: Data, picture: Path) -> None:
    """Paddle must compute from a picture's pixels what the cache holds. Raises TrainError."""
    done = options.cache / "check"
    command = [options.likeness, "trace", options.backbone, picture, "--size", str(options.size), "-o", done]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    pixels = np.load(done / "input.npy").transpose(2, 0, 1)[None]
    network = backbone.network(CLASSES)
    with paddle.no_grad():
        maps = network.features[: options.first](paddle.to_tensor(np.ascontiguousarray(pixels))).numpy()[0]
    apart = float(abs(maps - data.maps[0]).max() / abs(maps).max())
    print(f"cached maps and Paddle's depart by {apart:.1e} of the largest value")
    if not apart <= 1e-4:
        raise TrainError("the cached maps are not those of Paddle: remove the cache")


def train_head(tail: Tail, data: Data, options: argparse.Namespace) -> None:
    """Step 1, on features that do not change."""
    if options.head == "regression":
        regress(tail.head, data, options)
    else:
        weight, bias = discriminant(data.pooled, data.labels, data.works, options.shrink)
        scale = best_scale(data.pooled, data.labels, data.works, options.shrink)
        tail.head.weight.set_value(weight.astype(np.float32) * np.float32(scale))
        tail.head.bias.set_value(bias.astype(np.float32) * np.float32(scale))


def regress(head: Any, data: Data, options: argparse.Namespace) -> None:
    """Softmax regression, all pictures at once: what the discriminant is compared with."""
    features, labels = paddle.to_tensor(data.pooled), paddle.to_tensor(data.labels)
    rate = paddle.optimizer.lr.CosineAnnealingDecay(0.01, HEAD_STEPS)
    optimizer = paddle.optimizer.AdamW(rate, parameters=head.parameters(), weight_decay=0.01)
    for _ in range(HEAD_STEPS):
        class_loss(head(features), labels, options).backward()
        optimizer.step()
        optimizer.clear_grad()
        rate.step()


def class_loss(logits: Any, labels: Any, options: argparse.Namespace) -> Any:
    smooth = nnf.label_smooth(nnf.one_hot(labels, CLASSES), epsilon=options.smoothing)
    return nnf.cross_entropy(logits, smooth, soft_label=True)


def train_blocks(tail: Tail, data: Data, held_out: Data, watched: dict[str, Data], options: argparse.Namespace) -> None:
    """Step 2. After each epoch the state is kept and the curve grows by a line."""
    count = min(options.per_epoch, len(data.labels))
    steps = max(1, options.epochs * -(-count // BATCH))
    rate = paddle.optimizer.lr.CosineAnnealingDecay(options.rate, steps)
    optimizer = paddle.optimizer.AdamW(
        rate, parameters=[*tail.block_parameters, *tail.head.parameters()], weight_decay=options.decay
    )
    start, lines = restore(tail, optimizer, options)
    if not lines and options.epochs:
        lines = [curve_line(0, float("nan"), float("nan"), tail, held_out, watched)]
    for epoch in range(start, options.epochs):
        paddle.seed(epoch)  # of dropout: a run that goes on draws as one that was never interrupted
        losses = [
            train_batch(tail, data.rows(np.sort(rows)), optimizer, rate, options)
            for rows in shuffled(len(data.labels), count, epoch)
        ]
        loss, kept = np.mean(losses, axis=0)
        lines.append(curve_line(epoch + 1, loss, kept, tail, held_out, watched))
        keep(tail, optimizer, epoch + 1, lines, options)


def shuffled(rows: int, count: int, epoch: int) -> Iterator[Array]:
    """Batches of `count` rows in an order that follows from the epoch, however often the run was interrupted."""
    order = np.random.default_rng([12, epoch]).permutation(rows)[:count]
    for part in batches(count):
        yield order[part]


def train_batch(tail: Tail, batch: Data, optimizer: Any, rate: Any, options: argparse.Namespace) -> tuple[float, float]:
    """(loss of the classes, mean cosine between features and what they were)."""
    pooled = tail.pooled(paddle.to_tensor(batch.maps))
    logits = tail.head(nnf.dropout(pooled, 0.2))
    classes = class_loss(logits, paddle.to_tensor(batch.labels), options)
    kept = nnf.cosine_similarity(pooled, paddle.to_tensor(batch.pooled), axis=1).mean()
    (classes + options.anchor * (1 - kept)).backward()
    optimizer.step()
    optimizer.clear_grad()
    rate.step()
    return float(classes), float(kept)


def curve_line(
    epoch: int, loss: float, kept: float, tail: Tail, held_out: Data, watched: dict[str, Data]
) -> dict[str, float]:
    """One line of curve.tsv, printed as well."""
    line = {"epoch": epoch, "loss": loss, "cosine_to_start": kept, **measured(tail, held_out, watched)}
    print("  ".join(f"{key} {value:.4g}" for key, value in line.items()), flush=True)
    return line


def measured(tail: Tail, held_out: Data, watched: dict[str, Data]) -> dict[str, float]:
    """Accuracy over artworks that were not trained on, and retrieval among watched photographs."""
    logits = tail.logits(tail.outputs(held_out))
    figures = {"accuracy": float((logits.argmax(1) == held_out.labels).mean())}
    for name, data in watched.items():
        first, mean = leave_one_out(tail.outputs(data), data.labels)
        figures |= {f"{name}_P@1": first, f"{name}_mAP": mean}
    return figures


def leave_one_out(features: Array, labels: Array) -> tuple[float, float]:
    """Precision at 1 and mAP of each picture among the others, by cosine."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    ranks = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    relevant = labels[ranks] == labels[:, None]
    found = relevant.sum(1)
    precision = relevant.cumsum(1) / np.arange(1, len(labels))
    average = (precision * relevant).sum(1)[found > 0] / found[found > 0]
    return float(relevant[:, 0].mean()), float(average.mean())


def settings(options: argparse.Namespace) -> str:
    """What must be alike for a run to go on where another stopped."""
    return json.dumps({name: str(value) for name, value in sorted(vars(options).items()) if name not in PLACES})


def keep(tail: Tail, optimizer: Any, epoch: int, lines: list[dict[str, float]], options: argparse.Namespace) -> None:
    """The state after an epoch, whole or not at all; then the curve."""
    state = {
        "settings": settings(options),
        "epoch": epoch,
        "lines": lines,
        "weights": tail.weights(),
        "optimizer": optimizer.state_dict(),
    }
    unfinished = options.output / "state.part"
    paddle.save(state, str(unfinished))
    unfinished.replace(options.output / "state")
    write_table(options.output / "curve.tsv", lines)


def restore(tail: Tail, optimizer: Any, options: argparse.Namespace) -> tuple[int, list[dict[str, float]]]:
    """(epochs done, their lines) of an earlier run with the same settings. Raises TrainError for other ones."""
    path = options.output / "state"
    if not path.exists():
        return 0, []
    state = paddle.load(str(path), return_numpy=True)
    if state["settings"] != settings(options):
        raise TrainError(f"{path} is of a training with other settings: remove it, or choose another output folder")
    tail.network.set_state_dict(state["weights"])
    optimizer.set_state_dict(state["optimizer"])
    print(f"going on after epoch {state['epoch']}")
    return int(state["epoch"]), list(state["lines"])


def write_table(path: Path, lines: list[dict[str, float]]) -> None:
    """Tab-separated, the keys first."""
    text = "\t".join(lines[0]) + "\n"
    for line in lines:
        text += "\t".join(f"{value:g}" if key == "epoch" else f"{value:.4f}" for key, value in line.items()) + "\n"
    path.write_text(text, "utf-8")


def mixed(start: Weights, end: Weights, share: float) -> Weights:
    return {name: (start[name] + share * (end[name] - start[name])).astype(np.float32) for name in start}


def save(network: Any, options: argparse.Namespace) -> None:
    """Both of Paddle's forms, as the study wrote them."""
    prefix = options.output / NAME
    paddle.save(network.state_dict(), f"{prefix}.pdparams")
    picture = paddle.static.InputSpec([None, 3, options.size, options.size], "float32", "image")
    paddle.jit.save(network, str(prefix), input_spec=[picture])
    print(f"written: {prefix}.pdparams, .pdmodel and .pdiparams")


def run(options: argparse.Namespace) -> None:
    paddle.seed(0)
    backbone = Backbone(options.backbone)
    options.size = options.size or backbone.preprocess["size"][0]
    options.output.mkdir(parents=True, exist_ok=True)
    pictures = read_pictures(options.pictures)
    everything = cached(options, "zodiac", pictures.paths, pictures.labels, np.array(pictures.works))
    trained = pictures.in_gallery if options.fold is None else pictures.folds() != options.fold
    watched = {}
    for path in options.watch:
        names, labels = read_list(path)
        watched[path.stem] = cached(options, path.stem, [Path(name) for name in names], labels, np.array(names))
    data, held_out = everything.rows(trained), everything.rows(~trained)
    if options.fold is None:
        check_cache(options, backbone, everything, pictures.paths[0])
    network = backbone.network(CLASSES)
    tail = Tail(network, options.first)
    train_head(tail, data, options)
    start = tail.weights()
    train_blocks(tail, data, held_out, watched, options)
    end = tail.weights()
    if options.fold is None and options.epochs:
        lines = []
        for share in SHARES:
            network.set_state_dict(mixed(start, end, share))
            lines.append({"share": share, **measured(tail, held_out, watched)})
        write_table(options.output / "mix.tsv", lines)
    network.set_state_dict(mixed(start, end, options.mix))
    if options.epochs:
        everything.pooled = tail.outputs(everything)
        train_head(tail, everything.rows(trained), options)
    if options.fold is None:
        save(network, options)
    else:
        np.savez(options.output / "outputs.npz", pooled=everything.pooled, logits=tail.logits(everything.pooled))


def parser() -> argparse.ArgumentParser:
    description = "Trains the zodiac model from a converted backbone."
    result = argparse.ArgumentParser("train.py", description=description, allow_abbrev=False)
    add = result.add_argument
    add("backbone", type=Path, help="the model file to start from")
    add("pictures", type=Path, help="the folder of make_pictures.py")
    add("-o", "--output", type=Path, required=True, help="the folder to write")
    add("--cache", type=Path, default=Path("build/zodiac-cache"), help="folder of cached maps (%(default)s)")
    add("--likeness", default="likeness", help="the command (%(default)s)")
    add("--size", type=int, help="input height and width (the backbone's)")
    add("--fold", type=int, choices=range(5), help="train without this fifth of the artworks, and write outputs.npz")
    add("--watch", type=Path, action="append", default=[], metavar="LIST", help="photographs to look at; repeatable")
    add("--first", type=int, default=17, help="the first trained block (%(default)s)")
    add("--epochs", type=int, default=0, help="of the blocks; 0 trains the head alone (%(default)s)")
    add("--per-epoch", type=int, default=10**9, metavar="N", help="pictures an epoch, by chance (all)")
    add("--rate", type=float, default=1e-4, help="learning rate of the blocks (%(default)s)")
    add("--decay", type=float, default=0.01, help="weight decay of the blocks (%(default)s)")
    add("--anchor", type=float, default=4.0, help="weight of keeping the features' directions (%(default)s)")
    add("--smoothing", type=float, default=0.1, help="of the labels (%(default)s)")
    add("--head", choices=("discriminant", "regression"), default="discriminant", help="step 1's kind (%(default)s)")
    add("--shrink", type=float, default=1.0, help="of the discriminant's covariance (%(default)s)")
    add("--mix", type=float, default=1.0, help="share of the trained weights in what is written (%(default)s)")
    return result


if __name__ == "__main__":
    try:
        run(parser().parse_args())
    except (TrainError, OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")
