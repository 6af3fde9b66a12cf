"""The machine: processor, memory, disk, and whether it is a real one."""

from __future__ import annotations

import os
import platform
import re
import shutil
from pathlib import Path

from od.doctor.finding import NOTE, OK, Finding

_LITTLE_DISK = 5e9  # bytes: a run with its checkpoints, an export, and room to breathe
_LITTLE_MEMORY = 4e9  # bytes: what fine-tuning the small SSD takes, with the system
_CONTAINERS = ("docker", "containerd", "kubepods", "libpod", "lxc", "podman")
_VIRTUAL = (
    "QEMU",
    "KVM",
    "VMware",
    "VirtualBox",
    "Xen",
    "Bochs",
    "Parallels",
    "Virtual Machine",  # Hyper-V's product_name
    "Amazon EC2",
    "Google Compute Engine",
    "OpenStack",
)
_PASS_THROUGH = (
    "a stick leaves the bus and comes back under another product id when it boots: pass the "
    "whole USB bus through, not one device"
)


def cpu_finding(root: Path) -> Finding:
    """Look at the processor."""
    text = _read(root / "proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = model.group(1).strip() if model else platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding(OK, "CPU", f"{name}, {cores} cores for this process")


def memory_finding(root: Path) -> Finding:
    """Look at the main memory."""
    match = re.search(r"^MemTotal:\s*(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    if match is None:
        return Finding(NOTE, "memory", "unknown")
    size = int(match.group(1)) * 1024
    if size < _LITTLE_MEMORY:
        mend = "train with a small --batch-size, or on another machine"
        return Finding(NOTE, "memory", f"{size / 1e9:.1f} GB is little", mend)
    return Finding(OK, "memory", f"{size / 1e9:.1f} GB")


def disk_finding(folder: Path) -> Finding:
    """Look at the free space where the workspace is."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_DISK:
        mend = "free some space, or work on another disk"
        return Finding(NOTE, "free disk", f"{free / 1e9:.1f} GB is little", mend)
    return Finding(OK, "free disk", f"{free / 1e9:.1f} GB")


def machine_finding(root: Path) -> Finding:
    """Say whether this is a container or a virtual machine: both stand between od and a stick."""
    container = _container(root)
    if container:
        return Finding(NOTE, "machine", f"a container ({container})", _PASS_THROUGH)
    names = f"{_read(root / 'sys/class/dmi/id/product_name')} {_read(root / _VENDOR)}"
    virtual = next((known for known in _VIRTUAL if known.lower() in names.lower()), None)
    if virtual is None and re.search(
        r"^flags\s*:.*\bhypervisor\b", _read(root / "proc/cpuinfo"), re.MULTILINE
    ):
        virtual = "its processor reports a hypervisor"
    if virtual:
        return Finding(NOTE, "machine", f"a virtual machine ({virtual})", _PASS_THROUGH)
    return Finding(OK, "machine", "neither a container nor a virtual machine, as far as seen")


_VENDOR = "sys/class/dmi/id/sys_vendor"


def _container(root: Path) -> str | None:
    if (root / ".dockerenv").exists():
        return "Docker"
    if (root / "run/.containerenv").exists():
        return "Podman"
    environment = _read(root / "proc/1/environ")
    match = re.search(r"(?:^|\0)container=([^\0]+)", environment)
    if match:
        return match.group(1)
    groups = _read(root / "proc/1/cgroup")
    return next((name for name in _CONTAINERS if name in groups), None)


def _read(path: Path) -> str:
    """Return a file's text, "" where it is absent or closed to this user."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
