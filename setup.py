"""The part of the packaging that pyproject.toml cannot say: folders that travel mapped.

``annotations/``, ``pipeline_configs/`` and ``pretrained/`` stand at the top level of the
repository and travel in the wheel as ``od/_shipped/<name>`` (see ``od/shipped.py``).
"""

from setuptools import find_packages, setup

SHIPPED = {
    "annotations": ["*"],
    "pipeline_configs": ["*.config"],
    "pretrained": ["*.toml", "*/*", "*/checkpoint/*"],
}

setup(
    packages=[*find_packages(include=["od", "od.*"]), *(f"od._shipped.{name}" for name in SHIPPED)],
    package_dir={f"od._shipped.{name}": name for name in SHIPPED},
    package_data={
        "od.export.stick": ["*.rules", "*.md"],
        **{f"od._shipped.{name}": files for name, files in SHIPPED.items()},
    },
)
