"""Make a workspace: the folders, the templates, and a README of the next three commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from od.errors import OutputError
from od.outputs import output_error, whole_file
from od.shipped import shipped
from od.workspace import Workspace

README = """\
# A workspace of od

Put your photographs into `annotations/`, together with their labels: Pascal VOC XML files,
as LabelImg and most labelling tools write them. Then, in this folder:

    od prepare           labels + images  ->  records/
    od finetune ssd      records/  ->  runs/ssd_mobilenet_v2_small_256x256/
    od evaluate          mAP, and a page report.html with the worst images drawn

After that `od export --target myriad` makes what a Neural Compute Stick loads, and
`od detect` finds objects in new photographs with it.

- `annotations/`: photographs and labels, yours.
- `pipeline_configs/`: the models that `od models` lists. A copy for you to change under a new
  name; `od finetune` never edits them.
- `records/`, `runs/`: made by the commands, can be made again.

`od doctor` says what is missing if a command does not work.
If `od` prints an octal dump, that is another program of the same name: `python -m od` is ours.
"""


@dataclass(frozen=True)
class MadeWorkspace:
    """A workspace.

    Args:
        workspace: Where it is.
        made: The folders and files that were not there before; empty when all were.
    """

    workspace: Workspace
    made: tuple[Path, ...]


def make_workspace(folder: Path) -> MadeWorkspace:
    """Make a workspace, or complete one; what stands there is never overwritten.

    Args:
        folder: Is made with its parents where it is missing.

    Raises:
        OutputError: A file that would be written stands there with other content (then
            nothing was changed), or the folder cannot be written to.
    """
    workspace = Workspace(folder)
    wanted = {
        workspace.pipeline_configs / file.name: file.read_bytes()
        for file in sorted(shipped("pipeline_configs").glob("*.config"))
    }
    wanted[folder / "README.md"] = README.encode()
    missing = {path: content for path, content in wanted.items() if not _stands(path, content)}
    made: list[Path] = []
    try:
        for directory in (folder, workspace.annotations, workspace.pipeline_configs):
            if not directory.is_dir():
                directory.mkdir(parents=True)
                made.append(directory)
        for path, content in missing.items():
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
            made.append(path)
    except OSError as error:
        raise output_error(folder, error) from error
    return MadeWorkspace(workspace, tuple(made))


def _stands(path: Path, content: bytes) -> bool:
    """Return whether the file is there as wanted; refuse one that is there and differs."""
    try:
        standing = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise output_error(path, error) from error
    if standing != content:
        raise OutputError(
            f"{path}: refusing to overwrite it, its content is not od's",
            hint="make the workspace in a folder of its own: od init DIR",
        )
    return True
