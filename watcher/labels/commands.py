"""`watcher labels`: look at old clips now, and how well the model does by people's own labels."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TextIO

from watcher.catalog.judgements import Judged
from watcher.labels.labeller import Labeller
from watcher.labels.verdict import Rules
from watcher.model.sight import LEAST_SCORE
from watcher.services import Services
from watcher.workers.process import WorkerError

TELL_SECONDS = 5.0  # between two lines of progress
PAGE = 500  # clips in memory
STEPS = [round(LEAST_SCORE + 0.05 * number, 2) for number in range(16)]  # thresholds that are tried
FEW = 10  # clips with a label, below which nothing is suggested


def do(verb: str, services: Services, *, again: bool, out: TextIO) -> int:
    """`watcher labels run` or `eval`; the status to exit with."""
    return run(services, again=again, out=out) if verb == "run" else evaluate(services, out=out)


def run(services: Services, *, again: bool = False, out: TextIO) -> int:
    """Look at every clip that no model has looked at, also beside a running ingester; 1 where it cannot.

    It may be ended at any time, and goes on where it was. `again`: at those it has looked at as well.
    """
    labeller = Labeller(services, old=True)
    began = printed_at = time.monotonic()
    try:
        if again:
            labeller.ready()  # or nothing is forgotten
            services.catalog.inspections.forget()
        while labeller.step():
            now = time.monotonic()
            if now - printed_at > TELL_SECONDS:
                printed_at = now
                left = services.catalog.inspections.left()[0]
                print(_progress(labeller.done, left, now - began), file=out, flush=True)
    except WorkerError as reason:
        print(f"no model looks at clips: {reason}", file=out)
        return 1
    finally:
        labeller.close()
    print(f"{labeller.done:,} clips looked at; {services.catalog.inspections.left()[0]:,} wait", file=out)
    return 0


def _progress(done: int, left: int, seconds: float) -> str:
    """How far it is.

    >>> _progress(300, 600, 120.0)
    '300 done, 600 left, 150 a minute: 4 more minutes'
    """
    rate = done * 60 / max(seconds, 0.001)
    return f"{done:,} done, {left:,} left, {rate:.0f} a minute: {left / max(rate, 0.001):.0f} more minutes"


class Score(NamedTuple):
    """How a model does at one label, with one threshold."""

    threshold: float
    right: int  # clips that both say it of
    wrong: int  # that only the model says it of
    missed: int  # that only people say it of

    @property
    def precision(self) -> float:
        """Which share of what the model says is so."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Which share of what is so the model says."""
        return self.right / max(1, self.right + self.missed)

    @property
    def both(self) -> float:
        """Their harmonic mean."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def evaluate(services: Services, *, out: TextIO) -> int:
    """Compare the model with people, on clips that people have labelled: what they did not say there is not so."""
    by_label: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    after, clips, settings = 0, 0, services.settings.labels
    while some := services.catalog.judgements.after(after, PAGE):
        after, clips = some[-1].id, clips + len(some)
        for judged in some:
            for label, truth, sure in _judgements(judged):
                by_label[label, ""].append((truth, sure))
                by_label[label, judged.camera].append((truth, sure))
    if not clips:
        print("no clip has a label by a person and was looked at by a model: label some first", file=out)
        return 1
    print(f"{clips:,} clips that people have labelled and the model has looked at", file=out)
    print(f"{'label':<16} {'camera':<16} {'clips':>6} {'precision':>9} {'recall':>7} {'at':>5}  better", file=out)
    better: list[tuple[str, str, float]] = []
    for (label, camera), pairs in sorted(by_label.items()):
        now = score(pairs, Rules(settings, camera).threshold(label))
        best = max(
            (score(pairs, step) for step in STEPS),
            key=lambda step_score: (step_score.both, -abs(step_score.threshold - 0.5)),
        )
        advice = f"{best.threshold:.2f}" if now.right + now.missed >= FEW and best.both > now.both + 0.005 else ""
        if advice:
            better.append((label, camera, best.threshold))
        if now.right + now.wrong + now.missed:
            print(
                f"{label:<16} {camera or '(all)':<16} {now.right + now.missed:>6} {now.precision:>9.2f}"
                f" {now.recall:>7.2f} {now.threshold:>5.2f}  {advice}",
                file=out,
            )
    if better:
        print("\nbetter on these clips, as settings; not tried on others:", file=out)
    for label, camera, threshold in better:
        of = f"camera = {quoted(camera)}\n" if camera else ""
        print(f"\n[[labels.thresholds]]\n{of}label = {quoted(label)}\nthreshold = {threshold:.2f}", file=out)
    return 0


def quoted(text: str) -> str:
    r"""A text as TOML has it.

    >>> print(quoted('red "fox"'))
    "red \"fox\""
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def score(pairs: Iterable[tuple[bool, float]], threshold: float) -> Score:
    """How a model does, of whether it is so and how sure the model is, of each clip.

    >>> score([(True, 0.9), (True, 0.3), (False, 0.6), (False, 0.0)], 0.5)[1:]
    (1, 1, 1)
    """
    verdicts = [(truth, value >= threshold) for truth, value in pairs]
    return Score(
        threshold, verdicts.count((True, True)), verdicts.count((False, True)), verdicts.count((True, False))
    )


def _judgements(judged: Judged) -> list[tuple[str, bool, float]]:
    """Of one clip: what people say of it, or the model; where a person has only refused, that alone."""
    if not judged.by_people:
        return [(label, False, judged.seen.get(label, 1.0)) for label in judged.refused]
    return [
        (label, label in judged.by_people, judged.seen.get(label, 0.0))
        for label in judged.by_people | judged.seen.keys() | judged.refused
    ]
