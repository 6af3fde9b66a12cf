import pytest

from od.doctor.machine import cpu_finding, disk_finding, machine_finding, memory_finding
from od.doctor.software import nvidia_gpus


def test_a_real_machine_is_fine(machine):
    assert machine_finding(machine.root).status == "ok"
    assert cpu_finding(machine.root).found.startswith("Some CPU @ 3 GHz, ")
    assert memory_finding(machine.root).found == "16.4 GB"


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        pytest.param(".dockerenv", "", "a container (Docker)", id="docker"),
        pytest.param("run/.containerenv", "", "a container (Podman)", id="podman"),
        pytest.param(
            "proc/1/cgroup", "0::/kubepods/x\n", "a container (kubepods)", id="kubernetes"
        ),
        pytest.param(
            "proc/1/environ", "A=1\0container=lxc\0B=2", "a container (lxc)", id="environment"
        ),
        pytest.param(
            "sys/class/dmi/id/sys_vendor", "QEMU\n", "a virtual machine (QEMU)", id="qemu"
        ),
        pytest.param(
            "sys/class/dmi/id/product_name",
            "VMware Virtual Platform",
            "a virtual machine (VMware)",
            id="vmware",
        ),
        pytest.param(
            "proc/cpuinfo",
            "flags\t\t: fpu avx hypervisor\n",
            "a virtual machine (its processor reports a hypervisor)",
            id="flag",
        ),
    ],
)
def test_containers_and_virtual_machines_are_recognised(machine, file, text, expected):
    machine.write(file, text)
    finding = machine_finding(machine.root)

    assert (finding.status, finding.found) == ("note", expected)
    assert "USB" in finding.mend


def test_little_memory_is_told(machine):
    machine.write("proc/meminfo", "MemTotal: 2000000 kB\n")
    assert memory_finding(machine.root).status == "note"


def test_a_machine_that_tells_nothing_is_no_error(tmp_path):
    assert cpu_finding(tmp_path).status == "ok"
    assert memory_finding(tmp_path).found == "unknown"
    assert machine_finding(tmp_path).status == "ok"


def test_free_disk_of_a_folder_that_is_not_made_yet(tmp_path):
    assert disk_finding(tmp_path / "not" / "there") == disk_finding(tmp_path)


def test_little_disk_is_told(tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    finding = disk_finding(tmp_path)

    assert (finding.status, finding.found) == ("note", "1.5 GB is little")


def test_gpus_are_named_by_the_driver(machine):
    machine.write("proc/driver/nvidia/version", "NVRM version: 1")
    assert nvidia_gpus(machine.root) == ["NVIDIA driver"]
    machine.write(
        "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t Some GPU\nIRQ: 4\n"
    )
    assert nvidia_gpus(machine.root) == ["Some GPU"]
