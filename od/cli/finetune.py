"""``od finetune``."""

from __future__ import annotations

from pathlib import Path

import click

from od.cli.options import json_option, print_json, records_option


@click.command(short_help="Train a detector on records, from a pretrained checkpoint.")
@click.argument("model", required=False)
@records_option
@click.option(
    "--checkpoint",
    default="auto",
    show_default=True,
    help="auto (the model's own in pretrained/), none, or a checkpoint's prefix.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps [default: by the data].")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images in a batch.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Highest learning rate [default: the template's, linear in the batch].",
)
@click.option("--run", "run_name", help="Name of the run [default: the model's].")
@click.option("--resume", is_flag=True, help="Go on with an unfinished run.")
@click.option("--seed", default=0, show_default=True, help="For everything random.")
@click.option(
    "--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Set any config field."
)
@click.option("--dry-run", is_flag=True, help="Check and fill in only; print the config.")
@json_option
def command(
    model: str | None,
    records: Path,
    checkpoint: str,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    run_name: str | None,
    resume: bool,
    seed: int,
    overrides: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a detector on records, from a pretrained checkpoint.

    MODEL is a template's name (od models lists them), a short name (ssd,
    faster_rcnn), or the path of a pipeline.config of your own.

    \b
    Example:
        od finetune ssd --steps 1000
        od finetune faster_rcnn --set train_config.batch_size=1
        od finetune --run ssd_mobilenet_v2_small_256x256 --resume
    """
    from od.finetune.plan import plan_finetuning, plan_resuming
    from od.pipeline_config import SHORT_NAMES, Wishes, find_template
    from od.pretrained import checkpoint_for
    from od.workspace import Workspace

    workspace = Workspace(Path())
    if model is None and not (resume and run_name):
        raise click.UsageError("Missing argument 'MODEL' (or --run NAME --resume).")
    name = run_name or Path(SHORT_NAMES.get(model or "", model or "")).stem
    if model in SHORT_NAMES:
        click.echo(f"{model} stands for {SHORT_NAMES[model]}", err=True)
    run = workspace.run(name)
    if resume:
        plan = plan_resuming(run, steps=steps)
    else:
        assert model is not None
        template = find_template(model, workspace)
        plan = plan_finetuning(
            template,
            model=template.stem,
            run=run,
            records=records,
            checkpoint=checkpoint_for(checkpoint, template.stem, workspace),
            wishes=Wishes(steps, batch_size, learning_rate),
            overrides=overrides,
            seed=seed,
        )
    _print_changes(plan.changes)
    if dry_run:
        if plan.match is not None:
            click.echo(f"{plan.checkpoint}: {plan.match.summary}", err=True)
        elif plan.checkpoint is not None:
            click.echo(f"{plan.checkpoint}: is compared once the model is built", err=True)
        from od.odapi.protos import format_message

        click.echo(format_message(plan.config), nl=False)
        return

    from od.cli.progress import shown_progress
    from od.cli.signals import stop_on_signals
    from od.finetune.loop import finetune_detector

    click.echo("starting TensorFlow ...", err=True)
    with stop_on_signals() as stop, shown_progress(f"training {name}") as progress:
        result = finetune_detector(
            plan, progress=progress, say=lambda text: click.echo(text, err=True), stop=stop
        )
    if as_json:
        print_json({**vars(result), "steps": plan.steps, "finished": result.step >= plan.steps})
        return
    click.echo(f"{result.folder}/pipeline.config")
    click.echo(f"{result.checkpoint}  step {result.step} of {plan.steps}, loss {result.loss:.3f}")
    if result.step < plan.steps:
        click.echo(f"stopped early; go on: od finetune --run {name} --resume", err=True)
    else:
        click.echo(f"next: od evaluate {result.folder}", err=True)


def _print_changes(changes: tuple[object, ...]) -> None:
    """Show what was filled in as a small table on stderr."""
    if not changes:
        return
    from od.cli.tables import print_table

    rows = [[str(value) for value in vars(change).values()] for change in changes]
    print_table(["field", "template", "now", "why"], rows, left=(0, 1, 2, 3), fold=True, err=True)
