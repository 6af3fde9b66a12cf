"""What travels with a model to where the stick is: labels, script, README, Luxonis' forms."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from od.structures.artifacts import InputSpec

_HERE = Path(__file__).parent
COPIED = ("detect_on_stick.py", "97-myriad.rules")
_README = "README.template.md"
ARCHIVE, DEPTHAI_JSON = "model.tar.xz", "model.json"
_RESIZE = {
    "stretch": "images are stretched to it",
    "pad": "images keep their shape, in the upper left corner",
}
_CHIPS = {
    "myriad2": "the first Neural Compute Stick (Myriad 2); not confirmed on hardware",
    "myriadx": "Neural Compute Stick 2 and OAK cameras (Myriad X)",
}


def write_stick_companions(
    folder: Path,
    *,
    names: Sequence[str],
    spec: InputSpec,
    rows: int,
    threshold: float,
    title: str,
    blobs: Mapping[str, Path],
) -> None:
    """Write everything but the model and ``od.json`` into an export's folder.

    Args:
        folder: The (temporary) export folder.
        names: Class names by class id, "background" first.
        spec: Of the IR.
        rows: Objects that the model gives at most.
        threshold: Lowest score that Luxonis' forms let through.
        title: What the README calls the model.
        blobs: The blobs in the folder, by chip ("myriad2", "myriadx").
    """
    plain = [_one_line(name) for name in names]
    (folder / "labels.txt").write_text("\n".join(plain) + "\n", encoding="utf-8", newline="\n")
    for name in COPIED:
        shutil.copyfile(_HERE / name, folder / name)
    text = _readme(plain, spec, rows=rows, title=title, blobs=blobs)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    blob = blobs.get("myriadx")
    if blob is None:
        return  # Luxonis' devices are Myriad X
    forms = _depthai_json(plain, spec, threshold)
    _write_json(folder / DEPTHAI_JSON, forms)
    config = archive_config(plain, spec, rows=rows, threshold=threshold, blob=blob.name)
    _write_archive(folder / ARCHIVE, config, blob)


def _one_line(name: str) -> str:
    """A name may hold anything; a line of labels.txt may not hold its end.

    Example:
        >>> _one_line("red\\ncat")
        'red\\\\ncat'
    """
    return (
        name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        if ("\n" in name or "\r" in name)
        else name
    )


def _readme(
    names: Sequence[str],
    spec: InputSpec,
    *,
    rows: int,
    title: str,
    blobs: Mapping[str, Path],
) -> str:
    template = Template((_HERE / _README).read_text(encoding="utf-8"))
    table = [f"| `{blob.name}` | {_CHIPS[chip]} |" for chip, blob in blobs.items()]
    if "myriadx" in blobs:
        table.append(f"| `{DEPTHAI_JSON}`, `{ARCHIVE}` | Luxonis' depthai 2 and depthai 3 |")
    shown = [f"`{name}`" for name in names[1:21]]
    more = f" and {len(names) - 21} more" if len(names) > 21 else ""
    return template.substitute(
        title=title,
        count=len(names) - 1,
        classes=", ".join(shown) + more,
        width=spec.width,
        height=spec.height,
        channels=spec.channels.upper(),
        resize=_RESIZE[spec.resize],
        rows=rows,
        blob_rows="".join(f"{row}\n" for row in table),
    )


def _depthai_json(names: Sequence[str], spec: InputSpec, threshold: float) -> dict[str, Any]:
    """Return the JSON that Luxonis' depthai 2 examples read beside a blob."""
    return {
        "nn_config": {
            "output_format": "detection",
            "NN_family": "mobilenet",
            "confidence_threshold": threshold,
            "input_size": f"{spec.width}x{spec.height}",
        },
        "mappings": {"labels": list(names)},
    }


def archive_config(
    names: Sequence[str], spec: InputSpec, *, rows: int, threshold: float, blob: str
) -> dict[str, Any]:
    """Return ``config.json`` of an NNArchive, schema 1.0, with the parser for MobileNet-SSD.

    The fields are those of https://docs.luxonis.com/software-v3/ai-inference/nn-archive/.
    """
    order = spec.channels.upper()
    return {
        "config_version": "1.0",
        "model": {
            "metadata": {"name": "od", "path": blob, "precision": "float16"},
            "inputs": [
                {
                    "name": "input",
                    "dtype": "uint8",
                    "input_type": "image",
                    "shape": [1, 3, spec.height, spec.width],
                    "layout": "NCHW",
                    "preprocessing": {
                        "mean": [0, 0, 0],
                        "scale": [1, 1, 1],
                        "reverse_channels": order == "RGB",
                        "interleaved_to_planar": False,
                        "dai_type": f"{order}888p",
                    },
                }
            ],
            "outputs": [{"name": "detections", "dtype": "float16", "shape": [1, 1, rows, 7]}],
            "heads": [
                {
                    "name": "detections",
                    "parser": "SSD",
                    "outputs": ["detections"],
                    "metadata": {
                        "classes": list(names),
                        "n_classes": len(names),
                        "conf_threshold": threshold,
                        "iou_threshold": 0.5,
                        "max_det": rows,
                    },
                }
            ],
        },
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_archive(path: Path, config: dict[str, Any], blob: Path) -> None:
    """Write a tar.xz whose bytes depend on its content only."""
    encoded = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    with tarfile.open(path, "w:xz", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (("config.json", encoded), (blob.name, blob.read_bytes())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(data))
