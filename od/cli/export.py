"""``od export``: turn a trained run into what a runtime loads."""

from __future__ import annotations

from pathlib import Path

import click

from od.cli.options import json_option, print_json
from od.workspace import Workspace


@click.command(short_help="Turn a trained run into what a runtime loads.")
@click.argument("run", metavar="[RUN|MODEL_DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--target",
    required=True,
    type=click.Choice(["saved_model", "openvino", "myriad"]),
    help="For which runtime: TensorFlow, OpenVINO, or (not yet) a Neural Compute Stick.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write.  [default: export/<target> in RUN]",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export there.")
@click.option(
    "--label-map",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Names of the classes.  [default: label_map.pbtxt in RUN]",
)
@json_option
def command(
    run: Path | None,
    target: str,
    output: Path | None,
    overwrite: bool,
    label_map: Path | None,
    as_json: bool,
) -> None:
    """Turn a trained run into what a runtime loads.

    RUN is a folder that od finetune made (default: the newest in runs/); MODEL_DIR one of the
    TF Object Detection API, with pipeline.config and a checkpoint.  Before anything is
    delivered, the export and the trained model are compared on sample images.

    \b
    Example:
        od export --target openvino
        od export runs/ssd --target saved_model --output served --overwrite
    """
    from od.export import check_exportable, default_output, export_detector, read_source

    if run is None:
        run = Workspace(Path()).newest_run()
        click.echo(run, err=as_json)
    folder = output or default_output(run, target)
    check_exportable(target, folder, overwrite=overwrite)
    source = read_source(run, label_map=label_map)
    from od.detect import load_detector

    made = export_detector(
        source,
        target,
        folder,
        load_detector=load_detector,
        overwrite=overwrite,
        progress=_say_stage,
    )
    if as_json:
        print_json(
            {
                "folder": folder,
                "target": target,
                "model": made.detector.model,
                "input_spec": made.detector.input_spec.to_json(),
                "step": source.step,
                "parity": made.parity.to_json(),
            }
        )
        return
    for file in sorted(folder.iterdir()):
        click.echo(file)
    click.echo(f"as the trained model: {made.parity.summary}")
    click.echo(f"next: od detect {folder} IMAGES --save drawn", err=True)


def _say_stage(done: int, total: int, note: str = "", /) -> None:
    """Name each stage as it begins: four of very different length make no honest bar."""
    if done < total:
        click.echo(f"{note} ...", err=True)
