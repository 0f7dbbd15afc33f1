"""The store: whole or absent, whatever happens to the process or to the bytes."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bnrepro.errors import StoreError, StoreFull
from bnrepro.files import write_atomically
from bnrepro.spec.run import RunRecord
from bnrepro.store import Store
from tests.small_claim import a_run, made_up

TENSORS = {"a.weight": np.linspace(0, 1, 5, dtype=np.float32), "b.bias": np.zeros((2, 3), dtype=np.float32)}
FILES = ("manifest.json", "record.json", "learned.safetensors")


@pytest.fixture
def record() -> RunRecord:
    return made_up(a_run(), 50.0)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, said: list[str]) -> Store:
    return Store(tmp_path / "store", notify=said.append)


def visible_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_saved_run_is_found_with_its_tensors(store: Store, record: RunRecord) -> None:
    store.save(record, TENSORS)
    assert store.find(record.key) == record
    found = store.tensors(record.key)
    assert set(found) == set(TENSORS)
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array)
    assert list(store.records()) == [record]


def test_a_run_that_was_never_saved_is_not_there(store: Store, record: RunRecord) -> None:
    assert store.find(record.key) is None
    assert list(store.records()) == []
    with pytest.raises(StoreError, match="verify the claim again"):
        store.tensors(record.key)


def test_without_a_manifest_a_run_is_not_done(store: Store, record: RunRecord, said: list[str]) -> None:
    store.save(record, TENSORS)
    (store.folder(record.key) / "manifest.json").unlink()
    assert store.find(record.key) is None
    assert list(store.records()) == []
    assert said == []


def test_saving_ends_the_checkpoint_and_clears_what_killed_writers_left(store: Store, record: RunRecord) -> None:
    store.checkpoint(record.key).save(b"half way")
    (store.folder(record.key) / ".checkpoint.0123").write_bytes(b"killed while writing")
    store.save(record, TENSORS)
    assert visible_files(store.folder(record.key)) == sorted(FILES)
    assert store.checkpoint(record.key).load() is None


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_anywhere_sets_the_run_aside(
    store: Store, record: RunRecord, said: list[str], name: str
) -> None:
    store.save(record, TENSORS)
    path = store.folder(record.key) / name
    sound = path.read_bytes()
    step = max(1, len(sound) // 40)
    positions = sorted({*range(0, len(sound), step), len(sound) - 1})
    for number, position in enumerate(positions, start=1):
        altered = bytearray(sound)
        altered[position] ^= 1 << position % 8
        path.write_bytes(altered)
        assert store.find(record.key) is None, f"byte {position} of {name}"
        assert len(said) == number
        assert record.key in said[-1]
        assert "set aside" in said[-1]
        assert not store.folder(record.key).exists()
        store.save(record, TENSORS)
        assert store.find(record.key) == record
    assert len(list((store.root / "set-aside").iterdir())) == len(positions)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_or_missing_file_never_counts_as_done(
    store: Store, record: RunRecord, said: list[str], name: str
) -> None:
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:-7]), lambda path: path.write_bytes(b"")):
        store.save(record, TENSORS)
        damage(store.folder(record.key) / name)
        assert store.find(record.key) is None
        assert said
    store.save(record, TENSORS)
    (store.folder(record.key) / name).unlink()
    assert store.find(record.key) is None


def test_asking_for_altered_tensors_sets_aside_too(store: Store, record: RunRecord, said: list[str]) -> None:
    store.save(record, TENSORS)
    path = store.folder(record.key) / "learned.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with pytest.raises(StoreError, match=r"verify the claim again"):
        store.tensors(record.key)
    assert "learned.safetensors does not match its checksum" in said[0]


@pytest.mark.parametrize(
    "text", ["[]", "1", '{"format":1}', '{"format":1,"key":"KEY","files":["record.json"]}', "\xff"]
)
def test_a_manifest_of_any_other_shape_is_damage(store: Store, record: RunRecord, said: list[str], text: str) -> None:
    store.save(record, TENSORS)
    manifest = store.folder(record.key) / "manifest.json"
    manifest.write_bytes(text.replace("KEY", record.key).encode("latin-1"))
    assert store.find(record.key) is None
    assert "manifest.json" in said[0]


def test_readers_that_meet_the_same_damage_at_once_do_not_trip(
    tmp_path: Path, record: RunRecord, said: list[str]
) -> None:
    stores = [Store(tmp_path, notify=said.append) for _ in range(8)]
    with ThreadPoolExecutor(len(stores)) as threads:
        for turn in range(1, 21):
            stores[0].save(record, TENSORS)
            (stores[0].folder(record.key) / "record.json").write_bytes(b"{}")
            assert list(threads.map(lambda store: store.find(record.key), stores)) == [None] * len(stores)
            assert len(said) == turn, "one of them says it"
    assert len(list((tmp_path / "set-aside").iterdir())) == 20


def test_what_was_set_aside_before_stays_where_it_is(store: Store, record: RunRecord) -> None:
    shelf = store.root / "set-aside"
    for _ in range(3):
        store.save(record, TENSORS)
        (store.folder(record.key) / "record.json").write_bytes(b"{}")
        store.find(record.key)
        sorted(shelf.iterdir())[0].rename(shelf / "looked-at") if not (shelf / "looked-at").exists() else None
    assert len(list(shelf.iterdir())) == 3


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses_is_named_and_the_store_stays_sound(
    store: Store, record: RunRecord, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.save(record, TENSORS)
    other = made_up(a_run(seed=1), 60.0)
    for refused in ("bnrepro.files.os.fsync", "bnrepro.files.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(refused, refusing(number))
            with pytest.raises(StoreFull) as raised:
                store.save(other, TENSORS)
        assert str(store.folder(other.key)) in str(raised.value)
        assert os.strerror(number) in str(raised.value)
        assert "another folder" in str(raised.value)
        assert visible_files(store.folder(other.key)) == []
    assert store.find(other.key) is None
    assert store.find(record.key) == record
    store.save(other, TENSORS)
    assert store.find(other.key) == other


def test_a_disk_that_fills_at_the_manifest_leaves_a_run_that_is_not_done(
    store: Store, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "manifest.json":
            raise StoreFull("no room")
        write_atomically(path, content)

    store.checkpoint(record.key).save(b"half way")
    with monkeypatch.context() as patch:
        patch.setattr("bnrepro.store.store.write_atomically", full)
        with pytest.raises(StoreFull):
            store.save(record, TENSORS)
    assert store.find(record.key) is None
    assert store.checkpoint(record.key).load() == b"half way"


def test_a_checkpoint_survives_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = store.checkpoint("ab" * 16)
    slot.save(b"first")
    monkeypatch.setattr("bnrepro.files.os.fsync", refusing(errno.ENOSPC))
    with pytest.raises(StoreFull, match="No space left"):
        slot.save(b"second")
    assert slot.load() == b"first"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreFull, match="another folder"):
        Store(tmp_path)


def test_a_store_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file" / "store")


@pytest.mark.parametrize("text", ['{"format":2}', '{"format":"1"}', "not JSON", "[]", ""])
def test_a_store_of_another_format_is_refused_and_not_touched(tmp_path: Path, text: str) -> None:
    Store(tmp_path)
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreError, match=r"store\.json: format .* reads format 1; name another folder"):
        Store(tmp_path)
    assert (tmp_path / "store.json").read_text() == text


def test_a_store_says_its_format(store: Store) -> None:
    assert json.loads((store.root / "store.json").read_text()) == {"format": 1}


def test_an_altered_checkpoint_is_not_used_and_that_is_said(store: Store, said: list[str]) -> None:
    slot = store.checkpoint("ab" * 16)
    assert slot.load() is None
    slot.save(b"the state")
    assert slot.load() == b"the state"
    path = store.folder("ab" * 16) / "checkpoint"
    sound = path.read_bytes()
    assert said == []
    for position in range(len(sound)):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 0x10]) + sound[position + 1 :])
        assert slot.load() is None
        assert len(said) == position + 1
    assert "does not match its checksum" in said[0]
    path.write_bytes(sound[:-1])
    assert slot.load() is None


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_have_the_rights_that_the_umask_gives(tmp_path: Path, record: RunRecord, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        store = Store(tmp_path / "store")
        store.save(record, TENSORS)
    finally:
        os.umask(before)
    written = [store.root / "store.json", *(store.folder(record.key) / name for name in FILES)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [mode] * len(written)


def test_a_lock_is_held_by_one_and_freed_at_the_end(store: Store) -> None:
    other = Store(store.root)
    with store.lock("ab" * 16) as held:
        assert held
        with other.lock("ab" * 16) as second:
            assert not second
        with other.lock("cd" * 16) as another_key:
            assert another_key
    with other.lock("ab" * 16) as held:
        assert held


def test_what_goes_wrong_without_the_lock_is_not_blamed_on_it(store: Store) -> None:
    with (
        store.lock("ab" * 16),
        pytest.raises(OSError, match="mine"),
        Store(store.root).lock("ab" * 16),
    ):
        raise OSError("mine")


def write_forever(path: Path) -> None:
    for number in range(10**9):
        write_atomically(path, bytes([number % 251]) * 300_000)


def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"\xff" * 300_000)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_store", "tests.fake_trainer"])
    seen = set()
    for moment in range(10):
        writer = context.Process(target=write_forever, args=(path,))
        before = path.read_bytes()
        writer.start()
        deadline = time.monotonic() + 20
        while path.read_bytes() == before and time.monotonic() < deadline:
            pass
        time.sleep(moment * 0.0023)
        writer.kill()
        writer.join()
        content = path.read_bytes()
        assert len(content) == 300_000
        assert len(set(content)) == 1
        seen.add(content[0])
    assert len(seen) > 1


def test_a_holder_of_a_lock_that_is_killed_frees_it(store: Store) -> None:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    holder = context.Process(target=hold, args=(store.root, theirs))
    holder.start()
    assert ours.recv() is True
    with store.lock("ab" * 16) as held:
        assert not held
    holder.kill()
    holder.join()
    with store.lock("ab" * 16) as held:
        assert held
    ours.close()
    theirs.close()


def hold(root: Path, connection: multiprocessing.connection.Connection) -> None:
    with Store(root).lock("ab" * 16) as held:
        connection.send(held)
        time.sleep(60)


def test_a_sound_record_of_another_version_stays_where_it_is(store: Store, record: RunRecord, said: list[str]) -> None:
    store.save(record, TENSORS)
    folder = store.folder(record.key)
    later = json.dumps(record.model_dump(mode="json") | {"a_field_of_the_future": 1}).encode()
    (folder / "record.json").write_bytes(later)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["record.json"] = hashlib.sha256(later).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert store.find(record.key) is None
    assert said == [f"run {record.key}: its record is of another version of bnrepro; not used"]
    assert visible_files(folder) == sorted(FILES)
    assert dict(store.audit()) == {record.key: None}
