"""Private training (POMIC figures 5 to 9): hospitals share images, servers train, nobody sees the model.

The hyperparameters of the paper's table 4 are not in the text that we have: those of our scenarios are
ours, and are named there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError, Party
from mpcsim.plugins import place
from mpcsim.scenario import Program, Scenario
from mpcsim.texts import plural
from protocols.domains import Words
from protocols.family import NotOffered
from protocols.training import Descent, Scales, descents
from scenarios.checkpoints import Store, fingerprint
from scenarios.clear import floating, windows
from scenarios.data import Dataset, DataSettings, check_classes, load_data
from scenarios.networks import LayerPlan, shapes, to_file
from scenarios.networks import weights as weight_files
from scenarios.settings import Secured
from scenarios.table3 import with_items
from scenarios.training.actors import OWNER, Job
from scenarios.training.plan import Batch, Examples, Later, Start
from scenarios.training.report import Report, Sets, targets_of
from scenarios.training.settings import PrivateTrainingSettings, TrainingSettings
from scenarios.training.step import check_channels, check_trainable
from scenarios.training.watch import RangeWatch

_SAME = "the model, the data, the seed and the tables ring, protocol, training and hospitals"


def private_training(settings: PrivateTrainingSettings, scenario: Scenario) -> Program:
    """Return the program of a private training."""
    ring, plans = settings.ring.ring(), shapes(settings.model)
    secured = settings.secured(scenario)
    if settings.model.public_weights:
        raise InputError("model.public_weights = true: training accepts weights that no server knows")
    if not hasattr(secured.family, "trainer"):
        raise NotOffered("private_training", secured.family.name)
    layers = getattr(secured.terms.choices, "layers", "blocks")
    if layers != "blocks":
        raise InputError(
            f"protocol.layers: found {layers!r}; training accepts 'blocks': the backward "
            "pass follows what a block chose"
        )
    scales = Scales.of(ring)
    check_trainable(plans, settings.training.loss)
    _check_accuracy(settings, secured, plans)
    sets = load_sets(settings, plans, scenario)
    batches = batches_of(settings.training, settings.data.count, scenario.seed or 0)
    steps = steps_of(settings.training, scales, batches)
    start = _start(settings, scenario, sets)
    job = _job(settings, secured, scenario, scales, plans, sets, batches, steps, start)
    report = Report(settings, scales, plans, batches, steps, start.step, sets)
    roles: dict[str, Callable[[Party], Awaitable[Any]]] = dict.fromkeys(secured.actors, job.server)
    roles |= dict.fromkeys(job.hospitals, job.hospital)
    if job.weights is not None:
        roles[OWNER] = job.owner
    return Program(
        roles,
        summarize=report.summarize,
        describe=settings.describe(secured) | {"training": settings.training.model_dump()},
        render=with_items(render, scenario),
        begin=start.begin,
        prepare=job.read,
        public=report.public,
    )


def _check_accuracy(
    settings: PrivateTrainingSettings, secured: Secured, plans: tuple[LayerPlan, ...]
) -> None:
    """Refuse a ring in which a function of this training is not as accurate as functions are."""
    family, terms, loss = secured.family, secured.terms, settings.training.loss
    for counts, places in windows.means(plans):
        family.check(terms, "average_pool", counts=counts, places=places)
    sizes = {len(batch.indices) for batch in batches_of(settings.training, settings.data.count, 0)}
    if any(plan.kind == "batch" for plan in plans):
        family.check(terms, "batch_norm")
    check_channels(terms.ring, plans, sizes)
    family.check(terms, loss, **({"classes": plans[-1].output[0]} if loss == "softmax" else {}))


def _job(
    settings: PrivateTrainingSettings,
    secured: Secured,
    scenario: Scenario,
    scales: Scales,
    plans: tuple[LayerPlan, ...],
    sets: Sets,
    batches: list[Batch],
    steps: list[Descent],
    start: Start,
) -> Job:
    ring, kernels = settings.ring.ring(), settings.kernels(scenario)
    training, hospitals = settings.training, settings.hospitals
    count = settings.data.count
    if not hospitals.asker < hospitals.count <= count:
        raise InputError(
            f"hospitals: count = {hospitals.count}, asker = {hospitals.asker}: accepted are 1 to {count} "
            "hospitals, at most as many as there are training images, and an asker among them, from 0"
        )
    sizes = [len(part) for part in np.array_split(np.arange(count), hospitals.count)]
    outputs, shape = plans[-1].output[0], plans[0].input

    def examples(data: Dataset | None, size: int) -> Examples:
        if data is None:  # a dry run
            words = (kernels.zeros((size, *shape), ring.dtype), kernels.zeros((size, outputs), ring.dtype))
            return Examples(*words)
        targets = ring.encode_integers(targets_of(data.labels, outputs))
        return Examples(ring.encode(data.images, "image"), targets)

    def part(size: int, end: int) -> Examples:
        return examples(sets.train and sets.train.take(np.arange(end - size, end)), size)

    ends = np.cumsum(sizes)
    shared = [Later(size, partial(part, size, int(end))) for size, end in zip(sizes, ends, strict=True)]
    watched = training.check_range and not settings.dry_run
    return Job(
        family=secured.family,
        terms=secured.terms,
        scales=scales,
        plans=plans,
        loss=training.loss,
        initial=training.initial,
        batches=batches,
        descents=steps,
        shared=shared,
        test=Later(training.test, lambda: examples(sets.test, training.test)) if training.test else None,
        queries=Later(hospitals.queries, lambda: examples(sets.asked, hospitals.queries).images)
        if hospitals.queries
        else None,
        asker=f"hospital{hospitals.asker}",
        weights=None if start.step else _owners_weights(settings, scenario, scales),
        keep=_keep(settings, scenario),
        reveal=training.reveal,
        follow=training.follow,
        start=start,
        every=settings.checkpoint.every,
        stop_after=settings.checkpoint.halt_after,
        watch=RangeWatch(ring, start.store) if watched else None,
    )


def load_sets(settings: PrivateTrainingSettings, plans: tuple[LayerPlan, ...], scenario: Scenario) -> Sets:
    """Return the training images, and the test images and queries where there are any, not read yet.

    Each raises InputError when it is read: images that cannot be used, a class without an image, more
    classes than outputs.
    """
    tests, queries = settings.training.test, settings.hospitals.queries
    wanted = {
        "train": ("train", settings.data.count, settings.data.offset),
        "test": ("test", tests, 0),
        "asked": ("test", queries, tests),
    }

    def load(which: str) -> Dataset | None:
        split, count, offset = wanted[which]
        if settings.dry_run or count == 0:
            return None
        table = settings.data.model_dump() | {"split": split, "count": count, "offset": offset}
        data = load_data(DataSettings.model_validate(table), scenario.folder, scenario.seed or 0)
        floating.check_images(plans, data.images)
        check_classes(data.classes, plans[-1].output[0])
        for label, name in enumerate(data.classes) if which == "train" else ():
            if not (data.labels == label).any():
                raise InputError(
                    f"data: class {label} ({name}) has no image among the {len(data)} for training; "
                    "accepted: at least one of every class"
                )
        return data

    return Sets(load)


def batches_of(training: TrainingSettings, images: int, seed: int) -> list[Batch]:
    """Return every step of a training, which all servers know: batches in order, with their rates.

    Every epoch has an order of its own; its last batch may be smaller.

    Raises:
        InputError: a batch is larger than the data.
    """
    if training.batch > images:
        raise InputError(
            f"training.batch = {training.batch}: larger than the {images} training images (data.count); "
            f"accepted: 1 to {images}"
        )
    firsts = range(0, images, training.batch)
    total = training.epochs * len(firsts)
    total = min(total, training.max_steps) if training.max_steps else total
    found: list[Batch] = []
    for epoch in range(-(-total // len(firsts))):
        order = np.arange(images)
        if training.shuffle:
            order = np.random.default_rng([seed, 1, epoch]).permutation(images)
        for first in firsts:
            if len(found) == total:
                break
            rate = training.rate_at(len(found), epoch, total)
            last = first == firsts[-1] or len(found) + 1 == total
            found.append(Batch(len(found), epoch, order[first : first + training.batch], rate, last))
    return found


def steps_of(training: TrainingSettings, scales: Scales, batches: list[Batch]) -> list[Descent]:
    """Return the public integers of every step: what they are is known before the run, and so is checked.

    Raises:
        InputError: a step's rate, the momentum or the decay vanishes or overflows.
    """
    rates, sizes = [batch.rate for batch in batches], [len(batch.indices) for batch in batches]
    falls = training.schedule == "cosine"
    return descents(scales, rates, sizes, training.momentum, training.decay, falls)


def _owners_weights(
    settings: PrivateTrainingSettings, scenario: Scenario, scales: Scales
) -> Later[dict[str, Words]] | None:
    """Return the first weights that a file gives, at the weights' scale."""
    if settings.model.weights is None:
        return None
    reference, ring = settings.model.weights, settings.ring.ring()

    def read() -> dict[str, Words]:
        path = weight_files.find(reference, scenario.folder)
        return {
            name: ring.encode_integers(np.rint(values * 2.0**scales.weight))
            for name, values in weight_files.load(path, settings.model).items()
        }

    return Later(len(weight_files.expected(settings.model)), read)


def _keep(
    settings: PrivateTrainingSettings, scenario: Scenario
) -> Callable[[dict[str, NDArray[np.float64]]], None] | None:
    """Return what writes the trained model into the asker's file."""
    name = settings.hospitals.model
    if name is None:
        return None
    path = place(scenario.folder, name)
    return lambda weights: to_file(path, settings.model, weights)


def _start(settings: PrivateTrainingSettings, scenario: Scenario, sets: Sets) -> Start:
    """Return where to begin: at a checkpoint, where there is one of this very scenario."""
    table = settings.checkpoint
    if table.folder is None or settings.dry_run:
        return Start()
    beside: dict[str, Any] = {  # what these decide is no part of the training
        "checkpoint": True,
        "dry_run": True,
        "training": {"twin", "follow", "check_range"},
        "hospitals": {"asker", "queries", "model"},
    }
    what = settings.model_dump(mode="json", exclude=beside)
    kept = {"velocity": "scaled"}  # what an earlier edition kept were other numbers
    data = _digest(sets.train, sets.test)
    mark = fingerprint({"seed": scenario.seed, "data": data} | kept | what)
    asked = fingerprint({"mark": mark, "queries": _digest(sets.asked)} | settings.model_dump(mode="json"))
    actors = [*(f"server{i}" for i in range(3))]
    if settings.training.reveal != "never":
        actors.append("hospital0")
    store = Store(place(scenario.folder, table.folder), mark, actors, _SAME)
    return Start(store.newest() if table.resume else 0, store, asked)


def _digest(*sets: Dataset | None) -> str:
    data = blake2b(digest_size=16)
    for each in sets:
        if each is not None:
            data.update(each.images.tobytes())
            data.update(each.labels.tobytes())
    return data.hexdigest()


_TWINS = {"fixed": "fixed-point", "float": "floating-point"}


def render(output: dict[str, Any]) -> Iterable[str]:
    """Yield lines for people."""
    if "twins" not in output:
        yield f"{plural(output['steps'], 'step')}; inputs stay with their owners: {output['history']}"
        return
    yield (
        f"{plural(output['steps'], 'step')} over {plural(output['images'], 'image')} of "
        f"{plural(output['hospitals'], 'hospital')}"
    )
    for row in output["history"]:
        text = ", ".join(f"{name} {value:.4g}" for name, value in row.items() if isinstance(value, float))
        yield f"epoch {row['epoch']}, step {row['step']}: {text}"
    for twin, rows in output["twins"].items():
        if rows:
            text = ", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items())
            yield f"last epoch of the {_TWINS[twin]} twin in the clear: {text}"
    for twin, error in output["max_weight_error"].items():
        count = error["last_step"]
        yield (
            f"largest difference of a weight to the {_TWINS[twin]} twin's: {error['followed']:.2e} in the "
            f"first {'step' if count == 1 else plural(count, 'step')}, {error['end']:.2e} at the end"
        )
    if output["answers"] is not None:
        yield f"answers to {output['asker']}: {output['answers']} (labels {output['answer_labels']})"
    yield f"images: {output['data']}"
