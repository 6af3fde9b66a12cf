"""Neural Compute Sticks on the USB bus, read from sysfs, and what they need of this system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from od.doctor.finding import NOTE, OK, Finding

# Intel's udev rules for the Neural Compute Stick name these; a stick changes its product id
# when it boots.
VENDOR = "03e7"
_PRODUCTS = {
    "2150": "Neural Compute Stick (Myriad 2), not booted",
    "2485": "Neural Compute Stick 2 (Myriad X), not booted",
    "f63b": "Myriad stick, booted by a running program",
}
UDEV_RULE = f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{VENDOR}", MODE="0666"'
_UDEV_MEND = (
    f"echo '{UDEV_RULE}' | sudo tee /etc/udev/rules.d/80-movidius.rules && "
    "sudo udevadm control --reload-rules && sudo udevadm trigger, then plug it in again"
)


@dataclass(frozen=True)
class Stick:
    """One device of the sticks' vendor.

    Args:
        product: Its product id, four hexadecimal digits.
        node: The file that a program opens to speak to it.
    """

    product: str
    node: Path

    @property
    def name(self) -> str:
        """What it is, in words."""
        return _PRODUCTS.get(self.product, "unknown device of the sticks' vendor")


def find_sticks(root: Path) -> tuple[Stick, ...]:
    """Return the sticks on the USB bus, in the order of their nodes.

    Args:
        root: Holds ``sys`` and ``dev``.
    """
    found = []
    for device in (root / "sys/bus/usb/devices").glob("*"):
        try:
            if _attribute(device, "idVendor").lower() != VENDOR:
                continue
            bus, number = int(_attribute(device, "busnum")), int(_attribute(device, "devnum"))
            product = _attribute(device, "idProduct").lower()
        except (OSError, ValueError):
            continue  # an interface, a hub's port, or unplugged at this moment
        found.append(Stick(product, root / f"dev/bus/usb/{bus:03d}/{number:03d}"))
    return tuple(sorted(found, key=lambda stick: stick.node))


def _may_open(node: Path) -> bool:
    return os.access(node, os.R_OK | os.W_OK)


def stick_findings(root: Path, may_open: Callable[[Path], bool] = _may_open) -> Iterator[Finding]:
    """Look for sticks, and whether this user may open them.

    Args:
        root: Holds ``sys`` and ``dev``.
        may_open: Tells whether this user may read and write a node.
    """
    sticks = find_sticks(root)
    if not sticks:
        yield Finding(OK, "stick", "none plugged in")
    for stick in sticks:
        where = f"{stick.name}, {VENDOR}:{stick.product}"
        if not stick.node.exists():
            yield Finding(
                NOTE,
                "stick",
                f"{where}, but {stick.node} is not there",
                "give the container or virtual machine /dev/bus/usb as a whole",
            )
        elif may_open(stick.node):
            yield Finding(OK, "stick", where)
        else:
            yield Finding(NOTE, "stick", f"{where}, closed to this user ({stick.node})", _UDEV_MEND)


def toolchain_finding() -> Finding:
    """Look for the environment that compiles for a stick and runs one."""
    from od.myriad.toolchain import VERSION, find_toolchain, toolchain_folder, unsupported_machine

    folder, subject = toolchain_folder(), "Myriad toolchain"
    reason = unsupported_machine()
    if reason:
        return Finding(NOTE, subject, reason, "export for sticks on a PC with Linux")
    toolchain = find_toolchain()
    if toolchain:
        libusb = "libusb-package's" if toolchain.environment else "the system's"
        return Finding(OK, subject, f"OpenVINO {VERSION} with {libusb} libusb, {folder}")
    found = f"{folder} is not whole" if folder.exists() else "not there, an export makes it"
    return Finding(NOTE, subject, found, "od doctor --setup-myriad")


def _attribute(device: Path, name: str) -> str:
    return (device / name).read_text(encoding="ascii").strip()
