"""Measurements in the store: whole or absent, and never a reason to train again."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from bnrepro.errors import StoreError, StoreFull
from bnrepro.files import sha256_of
from bnrepro.spec import probe as probes
from bnrepro.spec.probe import MEASURED_TYPES, PROBE_VERSIONS, Probe
from bnrepro.spec.run import RunRecord
from bnrepro.store import Store
from tests.fake_trainer import value
from tests.small_claim import TENSORS, a_run, made_up


@pytest.fixture
def record() -> RunRecord:
    return made_up(a_run(), 50.0)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, said: list[str], record: RunRecord) -> Store:
    """A store with one run."""
    store = Store(tmp_path / "store", notify=said.append)
    store.save(record, TENSORS)
    return store


def file_of(store: Store, key: str, probe: Probe) -> Path:
    return store.folder(key) / f"{probe}-v{PROBE_VERSIONS[probe]}.measured"


@pytest.mark.parametrize("probe", Probe)
def test_a_measurement_comes_back_as_it_was(store: Store, record: RunRecord, probe: Probe) -> None:
    assert store.measured(record.key, probe) is None
    saved = value(probe, 3)
    store.save_measured(record.key, probe, saved)
    found = store.measured(record.key, probe)
    assert type(found) is MEASURED_TYPES[probe] is type(saved)
    assert found.arrays().keys() == saved.arrays().keys()
    for name, array in saved.arrays().items():
        other = found.arrays()[name]
        assert (other.dtype, other.shape, other.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert [other for other in Probe if store.measured(record.key, other) is not None] == [probe]


def test_the_same_value_is_the_same_file_to_the_byte(store: Store, record: RunRecord) -> None:
    store.save_measured(record.key, Probe.CLAMPING, value(Probe.CLAMPING, 1))
    path = file_of(store, record.key, Probe.CLAMPING)
    first = path.read_bytes()
    store.save_measured(record.key, Probe.CLAMPING, value(Probe.CLAMPING, 1))
    assert path.read_bytes() == first


def test_measurements_leave_the_run_itself_untouched(store: Store, record: RunRecord) -> None:
    for probe in Probe:
        store.save_measured(record.key, probe, value(probe, 0))
    assert store.find(record.key) == record
    assert list(store.records()) == [record]
    assert dict(store.audit()) == {record.key: None}


def test_a_flipped_byte_anywhere_sets_the_measurement_aside_and_the_run_stays(
    store: Store, record: RunRecord, said: list[str]
) -> None:
    store.save_measured(record.key, Probe.CLAMPING, value(Probe.CLAMPING, 0))
    path = file_of(store, record.key, Probe.CLAMPING)
    sound = path.read_bytes()
    positions = sorted({*range(0, len(sound), len(sound) // 40), len(sound) - 1})
    for number, position in enumerate(positions, start=1):
        altered = bytearray(sound)
        altered[position] ^= 1 << position % 8
        path.write_bytes(altered)
        assert dict(store.audit()) == {record.key: f"{path.name} does not match its checksum"}
        assert store.measured(record.key, Probe.CLAMPING) is None, f"byte {position}"
        assert len(said) == number
        assert said[-1].startswith(f"run {record.key}: {path.name} does not match its checksum; set aside in ")
        assert not path.exists()
        assert dict(store.audit()) == {record.key: None}
        store.save_measured(record.key, Probe.CLAMPING, value(Probe.CLAMPING, 0))
        assert path.read_bytes() == sound
    assert len(list((store.root / "set-aside").iterdir())) == len(positions)
    assert store.find(record.key) == record


@pytest.mark.parametrize("kept", [0, 10, 64, 65, 100])
def test_a_truncated_measurement_counts_as_absent(store: Store, record: RunRecord, said: list[str], kept: int) -> None:
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    path = file_of(store, record.key, Probe.AFFINE)
    path.write_bytes(path.read_bytes()[:kept])
    assert store.measured(record.key, Probe.AFFINE) is None
    assert len(said) == 1


@pytest.mark.parametrize("content", [b"", b"no tensors at all", None])
def test_a_sound_file_that_holds_something_else_counts_as_absent(
    store: Store, record: RunRecord, said: list[str], content: bytes | None
) -> None:
    path = file_of(store, record.key, Probe.AFFINE)
    if content is None:  # another probe's
        store.save_measured(record.key, Probe.ACTIVITY, value(Probe.ACTIVITY, 0))
        file_of(store, record.key, Probe.ACTIVITY).rename(path)
    else:
        path.write_bytes(sha256_of(content).encode() + b"\n" + content)
    assert store.measured(record.key, Probe.AFFINE) is None
    assert "affine-v1.measured is not a measurement of affine" in said[0]


def test_a_measurement_of_another_version_counts_as_absent_and_stays(
    store: Store, record: RunRecord, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    old = file_of(store, record.key, Probe.AFFINE)
    monkeypatch.setitem(probes.PROBE_VERSIONS, Probe.AFFINE, PROBE_VERSIONS[Probe.AFFINE] + 1)
    assert store.measured(record.key, Probe.AFFINE) is None
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 1))
    assert old.exists()
    found = store.measured(record.key, Probe.AFFINE)
    assert found is not None
    np.testing.assert_array_equal(found.arrays()["gamma"], [2, 2])
    assert said == []
    old.write_bytes(b"damaged")
    assert dict(store.audit()) == {record.key: f"{old.name} does not match its checksum"}


def test_a_run_that_is_set_aside_takes_its_measurements_along(store: Store, record: RunRecord) -> None:
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    (store.folder(record.key) / "record.json").write_bytes(b"{}")
    assert store.find(record.key) is None
    store.save(record, TENSORS)
    assert store.measured(record.key, Probe.AFFINE) is None


def test_a_run_that_is_trained_anew_has_none_of_the_measurements_of_before(store: Store, record: RunRecord) -> None:
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    # As it is left by a process that is killed on the way to setting the run aside.
    (store.folder(record.key) / "manifest.json").rename(store.folder(record.key) / "manifest.damaged")
    store.save(record, TENSORS)
    assert store.measured(record.key, Probe.AFFINE) is None


def test_nothing_is_kept_of_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="is not in"):
        store.save_measured("ab" * 16, Probe.AFFINE, value(Probe.AFFINE, 0))
    assert not store.folder("ab" * 16).exists()


def test_the_value_of_another_probe_is_refused(store: Store, record: RunRecord) -> None:
    with pytest.raises(TypeError, match="clamping gives ClampingCurve, not AffineValues"):
        store.save_measured(record.key, Probe.CLAMPING, value(Probe.AFFINE, 0))


def test_a_full_disk_leaves_the_old_measurement_and_no_rest(
    store: Store, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    with monkeypatch.context() as patch:
        patch.setattr("bnrepro.files.os.fsync", refuse)
        with pytest.raises(StoreFull):
            store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 1))
    found = store.measured(record.key, Probe.AFFINE)
    assert found is not None
    np.testing.assert_array_equal(found.arrays()["gamma"], [1, 1])
    assert list(store.folder(record.key).glob(".*")) == []


def test_saving_clears_what_a_killed_writer_left(store: Store, record: RunRecord) -> None:
    rest = store.folder(record.key) / ".affine-v1.measured.0123"
    rest.write_bytes(b"half of")
    assert dict(store.audit()) == {record.key: None}
    store.save_measured(record.key, Probe.AFFINE, value(Probe.AFFINE, 0))
    assert not rest.exists()


def test_probes_are_lacking_until_they_have_measured_and_never_where_the_run_diverged(
    store: Store, record: RunRecord
) -> None:
    store.save_measured(record.key, Probe.CLAMPING, value(Probe.CLAMPING, 0))
    assert store.lacking(record, Probe) == (Probe.AFFINE, Probe.ACTIVITY, Probe.CORRECTNESS)
    assert store.lacking(record, (Probe.CLAMPING,)) == ()
    diverged = record.model_copy(update={"status": "diverged", "divergence": "the loss"})
    assert store.lacking(diverged, Probe) == ()
