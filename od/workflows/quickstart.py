"""The whole way on the sample that ships with od: from labels to drawn detections, offline.

Every stage can be run again: what an interrupted quickstart left is taken up where it
stopped, and what is finished is not made twice.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from od.errors import OutputError
from od.finetune import finetune_detector, plan_finetuning, plan_resuming
from od.odapi.checkpoint import newest_checkpoint
from od.outputs import read_od_json, whole_folder
from od.pipeline_config import Wishes, find_template
from od.prepare import prepare_dataset
from od.pretrained import checkpoint_for
from od.records.parts import read_part
from od.shipped import shipped
from od.structures.progress import Progress
from od.workflows.evaluation import evaluate_model, write_evaluation
from od.workflows.initialize import make_workspace
from od.workspace import Workspace

MODEL = "ssd"
STEPS = 450  # two and a half minutes on two cores
Stage = Callable[[str], AbstractContextManager[Progress]]
Stoppable = Callable[[], AbstractContextManager[Callable[[], bool]]]


@dataclass
class QuickstartResult:
    """What a quickstart made.

    Args:
        map50: mAP@0.5 on the sample's val part, in [0, 1].
        threshold: The score from which on a detection is drawn: the best F1 on the val part.
        run, report, export, pictures: Where the run, its page, the folder for the stick and the
            drawn images are.
        objects: Found in the val images by the script that travels with the export, on the CPU.
        missing: Why there are no blobs and the way out, None when they are there.
        seconds: How long each stage took, by its name.
    """

    map50: float = 0.0
    threshold: float = 0.5
    run: Path = Path()
    report: Path = Path()
    export: Path = Path()
    pictures: Path = Path()
    objects: int = 0
    missing: tuple[str, str] | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class _Stopwatch:
    """Opens a stage with its progress, and notes how long it took."""

    def __init__(self, stage: Stage, seconds: dict[str, float]) -> None:
        self._stage = stage
        self._seconds = seconds

    def run(self, name: str, work: Callable[[Progress], object]) -> None:
        started = time.monotonic()
        with self._stage(name) as progress:
            work(progress)
        self._seconds[name] = round(time.monotonic() - started, 1)


def quickstart(
    *, stage: Stage, stoppable: Stoppable, say: Callable[[str], None], steps: int = STEPS
) -> QuickstartResult | None:
    """Run every step in the current folder, on the sample.

    Args:
        stage: Opens a stage of the given name and gives its progress.
        stoppable: Entered for the training; what it gives is asked after each step, and
            True saves a checkpoint and ends early.
        say: Given single sentences.
        steps: Training steps.

    Returns:
        What was made, None when the training was stopped early.

    Raises:
        OutputError: The folder holds other annotations, or cannot be written.
    """
    workspace = Workspace(Path())
    make_workspace(workspace.root)
    result = QuickstartResult(run=workspace.run("quickstart"))
    watch = _Stopwatch(stage, result.seconds)
    watch.run("sample", lambda progress: _copy_sample(workspace))
    watch.run(
        "prepare",
        lambda progress: prepare_dataset(
            workspace.annotations, workspace.records, progress=progress
        ),
    )
    watch.run("finetune", lambda p: _train(workspace, result.run, steps, p, stoppable, say))
    if not _is_finished(result.run):
        return None
    watch.run("evaluate", lambda progress: _evaluate(result, progress))
    watch.run("export", lambda progress: _export(result, progress))
    watch.run("detect", lambda progress: _detect(workspace, result, progress))
    watch.run("detect_on_stick.py", lambda progress: _run_script(workspace, result))
    return result


def _copy_sample(workspace: Workspace) -> None:
    sample = {file.name: file for file in shipped("annotations").iterdir() if file.is_file()}
    standing = {path.name for path in workspace.annotations.iterdir()}
    if standing == sample.keys():
        return
    if standing:
        raise OutputError(
            f"{workspace.annotations.resolve()}: holds annotations that are not the sample's",
            hint="run the quickstart in a folder of its own: od quickstart DIR",
        )
    with whole_folder(workspace.annotations) as folder:
        for name, file in sample.items():
            shutil.copyfile(file, folder / name)


def _is_finished(run: Path) -> bool:
    if not (run / "od.json").is_file():
        return False
    facts = read_od_json(run)
    done = int(facts.get("step", 0)) >= int(facts.get("steps", 1))
    return done and newest_checkpoint(run / "checkpoint") is not None


def _train(
    workspace: Workspace,
    run: Path,
    steps: int,
    progress: Progress,
    stoppable: Stoppable,
    say: Callable[[str], None],
) -> None:
    if _is_finished(run):
        say(f"{run}: is trained already")
        return
    if (run / "od.json").is_file():
        plan = plan_resuming(run)
    else:
        template = find_template(MODEL, workspace)
        plan = plan_finetuning(
            template,
            model=template.stem,
            run=run,
            records=workspace.records,
            checkpoint=checkpoint_for("auto", template.stem, workspace),
            wishes=Wishes(steps=steps),
        )
    with stoppable() as stop:
        finetune_detector(plan, progress=progress, say=say, stop=stop)


def _evaluate(result: QuickstartResult, progress: Progress) -> None:
    made = evaluate_model(result.run, part="val", progress=progress)
    files = write_evaluation(made, result.run / "evaluate" / "val")
    result.map50 = made.evaluation.metrics.map50 or 0.0
    result.threshold = round(made.evaluation.threshold, 2)
    result.report = next(file for file in files if file.name == "report.html")


def _export(result: QuickstartResult, progress: Progress) -> None:
    from od.detect import load_detector
    from od.export import MyriadOptions, default_output, export_detector, read_source

    result.export = default_output(result.run, "myriad")
    made = export_detector(
        read_source(result.run),
        "myriad",
        result.export,
        load_detector=load_detector,
        myriad=MyriadOptions(setup=False),  # offline, and in minutes
        overwrite=True,
        progress=progress,
    )
    if made.missing is not None:
        result.missing = (str(made.missing), made.missing.hint or "")


def _val_images(workspace: Workspace) -> list[Path]:
    return [workspace.annotations / image.filename for image in read_part(workspace.records, "val")]


def _detect(workspace: Workspace, result: QuickstartResult, progress: Progress) -> None:
    from od.workflows.detection import find_objects

    result.pictures = Path("detections")
    find_objects(
        result.export,
        _val_images(workspace),
        threshold=result.threshold,
        save=result.pictures,
        progress=progress,
    )


def _run_script(workspace: Workspace, result: QuickstartResult) -> None:
    """Run the export as its README says, here on the CPU."""
    from od.workflows.verification import run_stick_script

    found = run_stick_script(result.export, _val_images(workspace), threshold=result.threshold)
    result.objects = sum(len(detections) for detections in found)
