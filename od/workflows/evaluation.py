"""Measure a run or an export on its records, and write down what came out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from od.errors import OdError
from od.evaluate import check_evaluable, evaluate_detector
from od.metrics.evaluation import Evaluation
from od.outputs import read_od_json, refuse_foreign, whole_folder, write_od_json
from od.records.label_map_file import read_label_map
from od.structures.artifacts import Detector
from od.structures.progress import Progress, silent

KIND = "evaluation"


@dataclass(frozen=True)
class EvaluatedModel:
    """An evaluation, and of what on what.

    Args:
        model: The run's or the export's folder.
        records: The folder of records.
        part: "val", "test" or "train".
        evaluation: What was measured.
    """

    model: Path
    records: Path
    part: str
    evaluation: Evaluation


def evaluate_model(
    model: Path, *, records: Path | None = None, part: str = "val", progress: Progress = silent
) -> EvaluatedModel:
    """Measure a run or an export on one part of its records.

    Args:
        model: A folder made by ``od finetune`` or ``od export``.
        records: A folder of records; None takes those the run was trained on if they still
            stand, else ``records`` in the current folder.
        part: "val", "test" or "train".
        progress: Told after each image.

    Raises:
        OdError: The folder is neither a run nor an export, or the model does not load.
        RecordError: There are no such records, or they are broken.
        LabelMapError: The records' classes are not the detector's.
    """
    facts = read_od_json(model)
    kind = facts.get("kind")
    if kind not in ("run", "export"):
        raise OdError(
            f"{model}: od.json says kind '{kind}', expected 'run' or 'export'",
            hint="give a folder that od finetune or od export made",
        )
    folder = records or recorded_folder(facts.get("records")) or Path("records")
    label_map = read_label_map(model / "label_map.pbtxt")
    check_evaluable(folder, part, label_map)
    detector = _load(model, str(kind))
    evaluation = evaluate_detector(detector, folder, part, label_map=label_map, progress=progress)
    return EvaluatedModel(model, folder, part, evaluation)


def write_evaluation(made: EvaluatedModel, folder: Path) -> tuple[Path, ...]:
    """Write an evaluation as metrics.json, report.html and two plots.

    Args:
        made: What ``evaluate_model`` returned.
        folder: Is replaced as a whole if an earlier evaluation stands there.

    Returns:
        The files: metrics.json, report.html, precision_recall.png, confusion.png.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    from od.report.evaluation_page import evaluation_page
    from od.report.plots import plot_confusion, plot_precision_recall

    refuse_foreign(folder, KIND)
    evaluation = made.evaluation
    facts = {"model": str(made.model), "records": str(made.records), "part": made.part}
    text = evaluation_page(
        evaluation, detector=str(made.model), folder=made.records, part=made.part
    )
    with whole_folder(folder) as new:
        content = {**facts, **evaluation.to_json()}
        metrics = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        (new / "metrics.json").write_text(metrics + "\n", encoding="utf-8")
        (new / "report.html").write_text(text, encoding="utf-8")
        plot_precision_recall(evaluation, new / "precision_recall.png")
        plot_confusion(evaluation.confusion, new / "confusion.png")
        write_od_json(new, KIND, facts)
    names = ("metrics.json", "report.html", "precision_recall.png", "confusion.png")
    return tuple(folder / name for name in names)


def recorded_folder(value: object) -> Path | None:
    """Return the records folder that a run names, None where it has gone."""
    if not isinstance(value, str):
        return None
    folder = Path(value)
    return folder if folder.is_dir() else None


def _load(model: Path, kind: str) -> Detector:
    if kind == "run":
        from od.odapi.model import load_run_detector

        return load_run_detector(model)
    from od.detect import load_detector

    detector: Detector = load_detector(model)
    return detector
