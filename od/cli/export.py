"""``od export``: turn a trained run into what a runtime loads."""

from __future__ import annotations

from pathlib import Path

import click

from od.cli.options import json_option, print_json
from od.cli.verification import verify_and_show
from od.workspace import Workspace


@click.command(short_help="Turn a trained run into what a runtime loads.")
@click.argument("run", metavar="[RUN|MODEL_DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--target",
    required=True,
    type=click.Choice(["saved_model", "openvino", "myriad"]),
    help="For which runtime: TensorFlow, OpenVINO, or a Neural Compute Stick.",
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
@click.option("--unfinished", is_flag=True, help="Take a run that was stopped early as it is.")
@click.option(
    "--chip",
    type=click.Choice(["myriad2", "myriadx", "all"]),
    default="all",
    show_default=True,
    help="myriad: the first stick, the NCS2 and OAK cameras, or both.",
)
@click.option(
    "--shaves",
    type=int,
    default=6,
    show_default=True,
    help="myriad: vector processors to use; 6 leave an OAK camera enough.",
)
@click.option(
    "--channels",
    type=click.Choice(["bgr", "rgb"]),
    default="bgr",
    show_default=True,
    help="myriad: order of the bytes; cameras give bgr.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    help="myriad: detections at most.  [default: as the pipeline config says]",
)
@click.option(
    "--nms-iou",
    type=click.FloatRange(0, 1),
    help="myriad: boxes that overlap more are one.  [default: as the pipeline config says]",
)
@click.option(
    "--score",
    type=click.FloatRange(0, 1),
    help="myriad: leave out what has a lower score.  [default: as the pipeline config says]",
)
@click.option(
    "--verify", is_flag=True, help="myriad: measure it on the val records on every runtime."
)
@json_option
def command(
    run: Path | None,
    target: str,
    output: Path | None,
    overwrite: bool,
    label_map: Path | None,
    unfinished: bool,
    chip: str,
    shaves: int,
    channels: str,
    top_k: int | None,
    nms_iou: float | None,
    score: float | None,
    verify: bool,
    as_json: bool,
) -> None:
    """Turn a trained run into what a runtime loads.

    RUN is a folder that od finetune made (default: the newest in runs/); MODEL_DIR one of the
    TF Object Detection API, with pipeline.config and a checkpoint.  Before anything is
    delivered, the export and the trained model are compared on sample images.

    --target myriad makes one folder to copy to where the stick is: the IR, the blobs, a script
    that runs them and a README.  The blobs are compiled by OpenVINO 2021.4.2, which od sets up
    once, in an environment of its own; without it the folder holds the IR.

    \b
    Example:
        od export --target myriad
        od export --target openvino
        od export runs/ssd --target saved_model --output served --overwrite
    """
    from od.export import (
        CHIPS,
        MyriadOptions,
        check_exportable,
        default_output,
        export_detector,
        read_source,
    )
    from od.export.ssd_head import HeadOptions
    from od.myriad.blob import check_shaves

    if run is None:
        run = Workspace(Path()).newest_run()
        click.echo(run, err=as_json)
    folder = output or default_output(run, target)
    check_exportable(target, folder, overwrite=overwrite)
    chips = tuple(CHIPS) if chip == "all" else (chip,)
    for each in chips:
        check_shaves(each, shaves)
    source = read_source(run, label_map=label_map, unfinished=unfinished)
    head = HeadOptions(top_k=top_k, nms_iou=nms_iou, score=score)
    from od.detect import load_detector

    made = export_detector(
        source,
        target,
        folder,
        load_detector=load_detector,
        myriad=MyriadOptions(chips, shaves, channels, head),
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
                "parity_with_resizing": made.resized.to_json() if made.resized else None,
                "missing": str(made.missing) if made.missing else None,
            }
        )
        return
    for file in sorted(folder.iterdir()):
        click.echo(file)
    click.echo(f"as the trained model: {made.parity.summary}")
    if made.resized is not None:
        click.echo(f"with resizing to bytes: {made.resized.summary}")
    if made.missing is not None:
        click.echo(f"no blobs: {made.missing}\nHint: {made.missing.hint}", err=True)
    if verify and target == "myriad":
        verify_and_show(folder, records=None, part="val", output=None, as_json=False)
    click.echo(f"next: od detect {folder} IMAGES --save drawn", err=True)


def _say_stage(done: int, total: int, note: str = "", /) -> None:
    """Name each stage as it begins: four of very different length make no honest bar."""
    if done < total:
        click.echo(f"{note} ...", err=True)
