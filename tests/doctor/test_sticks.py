import pytest

from od.doctor.sticks import UDEV_RULE, find_sticks, stick_findings, toolchain_finding


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("2150", "Neural Compute Stick (Myriad 2), not booted"),
        ("2485", "Neural Compute Stick 2 (Myriad X), not booted"),
        ("f63b", "Myriad stick, booted"),
        ("F63B", "Myriad stick, booted"),
        ("0001", "unknown device"),
    ],
)
def test_a_stick_is_recognised_before_and_after_it_boots(machine, product, name):
    node = machine.plug_in(product)
    (stick,) = find_sticks(machine.root)

    assert stick.name.startswith(name)
    assert stick.node == node


def test_devices_of_other_vendors_are_passed_over(machine):
    machine.plug_in("0002", vendor="1d6b")
    (finding,) = stick_findings(machine.root)

    assert (finding.status, finding.found) == ("ok", "none plugged in")


def test_a_system_without_a_usb_bus_has_no_stick(tmp_path):
    assert find_sticks(tmp_path / "nowhere") == ()


def test_a_stick_that_this_user_may_open_is_fine(machine):
    machine.plug_in("2485")
    (finding,) = stick_findings(machine.root)

    assert finding.status == "ok"
    assert finding.mend is None


def test_a_stick_closed_to_this_user_comes_with_the_rule_to_paste(machine):
    machine.plug_in("2485")
    (finding,) = stick_findings(machine.root, may_open=lambda node: False)

    assert finding.status == "note"
    assert UDEV_RULE in finding.mend
    assert 'ATTRS{idVendor}=="03e7"' in finding.mend


def test_a_stick_whose_node_is_not_passed_through_is_told(machine):
    machine.plug_in("2485").unlink()
    (finding,) = stick_findings(machine.root)

    assert "is not there" in finding.found
    assert "/dev/bus/usb" in finding.mend


def test_several_sticks_are_all_listed(machine):
    machine.plug_in("2485", place="1-2", number=7)
    machine.plug_in("2150", place="2-1", number=3)

    assert [s.product for s in find_sticks(machine.root)] == ["2150", "2485"]


def test_a_toolchain_that_is_missing_or_not_whole_is_a_note_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("OD_CACHE_DIR", str(tmp_path))
    missing = toolchain_finding()
    (tmp_path / "openvino-2021.4.2").mkdir()
    half = toolchain_finding()

    assert missing.status == half.status == "note"
    assert missing.mend == half.mend == "od doctor --setup-myriad"
    assert "not there" in missing.found
    assert half.found == f"{tmp_path}/openvino-2021.4.2 is not whole"
