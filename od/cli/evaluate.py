"""``od evaluate``: measure a trained detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from od.cli.options import json_option, print_json
from od.cli.progress import shown_progress
from od.cli.tables import print_table
from od.cli.verification import verify_and_show
from od.workspace import Workspace

if TYPE_CHECKING:
    from od.metrics.evaluation import Evaluation


@click.command(short_help="Measure a trained detector: mAP, curves, worst images.")
@click.argument("model", metavar="[RUN|EXPORT]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Folder that od prepare made.  [default: the run's own, else records]",
)
@click.option(
    "--part",
    type=click.Choice(["val", "test", "train"]),
    default="val",
    show_default=True,
    help="Which part of the records to measure on.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the results.  [default: evaluate/<part>, or verify/<part>, in RUN or EXPORT]",
)
@json_option
def command(
    model: Path | None, records: Path | None, part: str, output: Path | None, as_json: bool
) -> None:
    """Measure a trained detector: mAP, curves, worst images.

    RUN is a folder that od finetune made (default: the newest in runs/), EXPORT one that
    od export made.  Writes report.html, metrics.json and two plots.

    An export for sticks is measured on every runtime that is here and compared with the trained
    model: one table, and verify/<part> with the differences image by image.

    \b
    Example:
        od evaluate
        od evaluate runs/ssd --part test
    """
    if model is None:
        model = Workspace(Path()).newest_run()
        click.echo(model, err=as_json)
    from od.outputs import refuse_foreign
    from od.workflows.verification import is_stick_export

    if is_stick_export(model):
        verify_and_show(model, records=records, part=part, output=output, as_json=as_json)
        return
    from od.workflows.evaluation import KIND, evaluate_model, write_evaluation

    folder = output or model / "evaluate" / part
    refuse_foreign(folder, KIND)  # now, not after the minutes that measuring takes
    with shown_progress("evaluate") as progress:
        made = evaluate_model(model, records=records, part=part, progress=progress)
    files = write_evaluation(made, folder)
    if as_json:
        content = json.loads(files[0].read_text(encoding="utf-8"))
        print_json({**content, "files": [str(file) for file in files]})
        return
    _print_metrics(made.evaluation)
    for file in files:
        click.echo(file)


def _print_metrics(evaluation: Evaluation) -> None:
    metrics = evaluation.metrics
    rows = [
        [
            known.name,
            str(known.objects),
            _share(known.ap50),
            _share(known.ap),
            f"{curve.best_f1()[0]:.3f}" if known.objects else "-",
        ]
        for known, curve in zip(metrics.per_class, evaluation.curves, strict=True)
    ]
    f1 = f"{evaluation.overall.best_f1()[0]:.3f}"
    rows.append(["all", str(metrics.objects), _share(metrics.map50), _share(metrics.map), f1])
    print_table(["class", "objects", "AP@0.5", "AP", "best F1"], rows)
    click.echo(f"\nmAP@0.5 {_share(metrics.map50)}   mAP {_share(metrics.map)}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
