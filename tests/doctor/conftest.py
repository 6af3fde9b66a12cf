"""A machine of files: what the doctor reads of /proc, /sys and /dev."""

from __future__ import annotations

from pathlib import Path

import pytest


class Machine:
    """Builds a tree that looks like the root of a Linux machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/cpuinfo", "model name\t: Some CPU @ 3 GHz\nflags\t\t: fpu sse avx avx2\n")
        self.write("proc/meminfo", "MemTotal:       16000000 kB\n")
        self.write("proc/1/cgroup", "0::/init.scope\n")
        self.write("sys/class/dmi/id/product_name", "ThinkPad X1\n")
        self.write("sys/class/dmi/id/sys_vendor", "LENOVO\n")
        (root / "sys/bus/usb/devices").mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def plug_in(
        self, product: str, *, vendor: str = "03e7", place: str = "1-2", number: int = 7
    ) -> Path:
        """Put a device on the bus; returns its node."""
        facts = {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": str(number)}
        for name, value in facts.items():
            self.write(f"sys/bus/usb/devices/{place}/{name}", f"{value}\n")
        (self.root / f"sys/bus/usb/devices/{place}:1.0").mkdir(exist_ok=True)  # an interface
        return self.write(f"dev/bus/usb/001/{number:03d}", "")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")
