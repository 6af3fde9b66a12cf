"""STEP export_detector: a trained model -> an export that has been seen to work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.errors import ExportError, OdError, OutputError
from od.export.myriad import (
    Compiled,
    MyriadOptions,
    compile_blobs,
    ready_toolchain,
)
from od.export.openvino import MODEL_FILE, write_ir
from od.export.parity import Parity, compare_detectors, sample_images
from od.export.saved_model import detect_function, reference_detector, write_saved_model
from od.export.source import ExportSource
from od.export.ssd_ir import SsdIr, check_ssd, write_ssd_ir
from od.export.stick.companions import write_stick_companions
from od.odapi.protos import format_message
from od.outputs import refuse_foreign, sha256, whole_folder, write_od_json
from od.records.label_map_file import write_label_map
from od.structures.artifacts import Detector, ExportedDetector, InputSpec
from od.structures.progress import Progress, silent

KIND = "export"
TARGETS = ("saved_model", "openvino", "myriad")
_MODELS = {"saved_model": "saved_model", "openvino": MODEL_FILE, "myriad": MODEL_FILE}
_STAGES = 4


@dataclass(frozen=True)
class Export:
    """An export, and how near it comes to the trained model.

    Args:
        detector: The exported model.
        parity: What was compared, and the differences. An export for sticks takes bytes of one
            size; there the images have that size already, so that nothing but the conversion is
            compared.
        resized: The same from images as they are; None where the model resizes by itself. It is
            told, not judged: a model in training amplifies the rounding to bytes.
        missing: Why an export for sticks has no blobs, None when it has them.
    """

    detector: ExportedDetector
    parity: Parity
    resized: Parity | None = None
    missing: OdError | None = None


def default_output(source: Path, target: str) -> Path:
    """Return ``<source>/export/<target>``.

    Example:
        >>> default_output(Path("runs/ssd"), "openvino").as_posix()
        'runs/ssd/export/openvino'
    """
    return source / "export" / target


def check_exportable(target: str, output: Path, *, overwrite: bool) -> None:
    """Refuse what cannot be delivered, before the slow work begins.

    Raises:
        ExportError: There is no such target.
        OutputError: ``output`` is there and may not be replaced.
    """
    if target not in TARGETS:
        raise ExportError(
            f"{target}: no such target, expected one of {', '.join(TARGETS)}",
            hint="od export --target openvino",
        )
    occupied = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    if occupied and not overwrite:
        raise OutputError(
            f"{output}: is there already", hint="replace it with --overwrite, or choose --output"
        )
    refuse_foreign(output, KIND)


def export_detector(
    source: ExportSource,
    target: str,
    output: Path,
    *,
    load_detector: Callable[[Path], Detector],
    myriad: MyriadOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Export:
    """Turn a trained model into what a runtime loads, and check that it finds the same.

    Args:
        source: As ``read_source`` returns it.
        target: "saved_model", "openvino" or "myriad".
        output: The export's folder; appears only when the check was passed.
        load_detector: Opens an export's folder (``od.detect.load_detector``); the check runs
            through it, so through the same code that will run the export later.
        myriad: What can be chosen for target "myriad".
        overwrite: Whether an earlier export there may be replaced.
        progress: Told of each stage.

    Raises:
        ExportError: The converter refuses the model, or the export finds something else.
        OutputError: The output is in the way or cannot be written.
        CheckpointError: The checkpoint is another model's.
        PipelineConfigError: The OD API cannot build the model.
    """
    check_exportable(target, output, overwrite=overwrite)
    options = myriad or MyriadOptions()
    if target == "myriad":
        return _export_for_sticks(source, output, load_detector, options, progress)
    from od.odapi.model import load_model

    progress(0, _STAGES, "loading the model")
    model = load_model(source.folder, source.checkpoint)
    detect = detect_function(model)
    spec = InputSpec()  # the resizer is part of both kinds of model
    with whole_folder(output) as new:
        progress(1, _STAGES, "converting")
        if target == "openvino":
            write_ir(detect, new, name=str(source.folder))
        else:
            write_saved_model(model, detect, new)
        text = format_message(source.config)
        (new / "pipeline.config").write_text(text, encoding="utf-8")
        facts = _write_companions(source, target, new, spec)
        progress(2, _STAGES, "loading the export")
        images, samples = sample_images(source.records)
        exported = load_detector(new)
        progress(3, _STAGES, f"comparing on {len(images)} images")
        parity = compare_detectors(reference_detector(detect), exported, images, samples=samples)
        if not parity.holds:
            raise _not_alike(source, target, parity)
        write_od_json(new, KIND, {**facts, "parity": parity.to_json()})
    progress(_STAGES, _STAGES, "done")
    return Export(ExportedDetector(output, target, output / _MODELS[target], spec), parity)


def _export_for_sticks(
    source: ExportSource,
    output: Path,
    load_detector: Callable[[Path], Detector],
    options: MyriadOptions,
    progress: Progress,
) -> Export:
    name = str(source.folder)
    check_ssd(source.config.model, name=name)
    total = 6 + len(options.chips)
    done = 0

    def stage(note: str) -> None:
        nonlocal done
        progress(done, total, note)
        done += 1

    stage("looking for the toolchain")
    toolchain = ready_toolchain(
        setup=options.setup, say=lambda note: progress(done - 1, total, note)
    )
    from od.odapi.model import load_model, resized_as_input

    stage("loading the model")
    model = load_model(source.folder, source.checkpoint)
    with whole_folder(output) as new:
        stage("writing the IR")
        ir = write_ssd_ir(
            model,
            source.config.model,
            new,
            channels=options.channels,
            head=options.head,
            name=name,
        )
        facts = {
            **_write_companions(source, "myriad", new, ir.input_spec),
            "head": {**ir.head.to_json(), "anchors": ir.anchors, "notes": list(ir.notes)},
        }
        write_od_json(new, KIND, facts)
        stage("comparing with the trained model")
        detect = detect_function(model)
        exported = load_detector(new)
        images, samples = sample_images(source.records)
        reference = reference_detector(detect)
        resized = compare_detectors(reference, exported, images, samples=samples)
        inputs = [resized_as_input(model, image) for image in images]
        parity = compare_detectors(reference, exported, inputs, samples=f"{samples}, resized")
        if not parity.holds:
            raise _not_alike(source, "myriad", parity)
        compiled = compile_blobs(new, toolchain, options, name=name, stage=stage)
        stage("writing what travels with the model")
        _write_for_people(source, new, ir, compiled)
        facts = {
            **facts,
            **compiled.facts,
            "parity": parity.to_json(),
            "parity_with_resizing": resized.to_json(),
            "outputs": _outputs(new),
        }
        write_od_json(new, KIND, facts)
    progress(total, total, "done")
    detector = ExportedDetector(output, "myriad", output / MODEL_FILE, ir.input_spec)
    return Export(detector, parity, resized, compiled.missing)


def _write_for_people(source: ExportSource, folder: Path, ir: SsdIr, compiled: Compiled) -> None:
    known = dict(source.label_map.items)
    names = ["background", *(known.get(i, f"class {i}") for i in range(1, max(known) + 1))]
    write_stick_companions(
        folder,
        names=names,
        spec=ir.input_spec,
        rows=ir.head.top_k,
        threshold=max(0.5, ir.head.score),
        title=source.folder.name,
        blobs={chip: folder / file for chip, file in compiled.blobs.items()},
    )


def _write_companions(
    source: ExportSource, target: str, folder: Path, spec: InputSpec
) -> dict[str, Any]:
    """Write what stands beside the model, od.json included, and return od.json's own facts."""
    write_label_map(folder / "label_map.pbtxt", source.label_map)
    facts: dict[str, Any] = {
        "target": target,
        "model": _MODELS[target],
        "architecture": source.architecture,
        "input_spec": spec.to_json(),
        "classes": dict(source.label_map.items),
        "run": source.folder.as_posix(),
        "checkpoint": source.checkpoint.name,
        "step": source.step,
        "records": source.records.as_posix() if source.records else None,
        "inputs": dict(source.hashes),
        "outputs": _outputs(folder),
    }
    write_od_json(folder, KIND, facts)
    return facts


def _outputs(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "od.json"
    }


def _not_alike(source: ExportSource, target: str, parity: Parity) -> ExportError:
    if not parity.compared:
        return ExportError(
            f"{source.folder}: detects nothing in {parity.images} images ({parity.samples}), so"
            f" the {target} export cannot be checked against it",
            hint="train it further, then export it",
        )
    return ExportError(
        f"{source.folder}: the {target} export finds something else than the trained model:"
        f" {parity.summary} ({parity.samples}); expected each within 1 px and 0.01",
        hint="nothing was written; export it with --target saved_model"
        if target == "openvino"
        else "nothing was written; train it further and try again",
    )
