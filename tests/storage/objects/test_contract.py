"""What every store does: a directory, a bucket, and a store of another project alike."""

import pickle
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path, PurePath

import pytest

from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.errors import Busy, Conflict
from pixelgen.job import Job
from pixelgen.storage import Store, open_store
from pixelgen.storage.lock import LOCK, lock
from tests.support.datasets import write
from tests.support.memory_store import MemoryStore
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

Place = tuple[Store, Callable[[str, bytes], None]]


@pytest.fixture(params=["directory", "bucket", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a store, and how somebody else writes there."""
    if request.param == "directory":
        return open_store(str(tmp_path / "set")), lambda name, data: _write(tmp_path / name, data)
    if request.param == "memory":
        root = str(tmp_path)
        return MemoryStore(f"{root}/set"), lambda name, data: MemoryStore(
            f"{root}/{PurePath(name).parent}"
        ).overwrite(PurePath(name).name, data)
    server: Server = request.getfixturevalue("s3")
    prefix = request.getfixturevalue("prefix")
    return open_store(f"s3://sets/{prefix}/set"), lambda name, data: server.put(
        f"{prefix}/{name}", data
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_what_is_put_is_there(place: Place) -> None:
    store, _ = place
    store.create()
    store.put("whole", b"one\ntwo\n")
    store.put("folder/pieces", iter((b"on", bytearray(b"e"), memoryview(b"\ntwo\n"))))
    with store.batch("folder") as put:
        for number in range(40):
            put(f"{number}", b"%d" % number)
    for name in ("whole", "folder/pieces"):
        assert store.read(name, 1 << 20) == b"one\ntwo\n"
        assert list(store.lines(name)) == [b"one\n", b"two\n"]
        assert (store.size(name), store.exists(name)) == (8, True)
        assert store.content_equals(name, b"one\ntwo\n")
        assert not store.content_equals(name, b"one\n")
        assert not store.content_equals(name, b"one\ntwo\nthree\n")
    assert [store.read(f"folder/{number}", 9) for number in (0, 39)] == [b"0", b"39"]
    with store.reader("whole") as file:
        file.seek(4)
        assert file.read() == b"two\n"
    with store.size_lookup() as size_of:
        names = ("whole", "folder/39", "folder", "none", "none/39")
        assert [size_of(name) for name in names] == [8, 2, None, None, None]
    assert [store.size(name) for name in ("whole", "folder/39", "folder", "none")] == [
        8,
        2,
        None,
        None,
    ]
    assert store.list_names("who") == ["whole"]


def test_a_missing_name_is_reported_as_missing(place: Place) -> None:
    store, _ = place
    assert store.size("none") is None
    assert not store.exists("none")
    assert not store.content_equals("none", b"")
    assert list(store.lines("none")) == []
    assert store.list_names("") == []
    with pytest.raises(FileNotFoundError):
        store.read("none", 1 << 20)
    store.remove("none")


def test_a_name_is_given_once(place: Place) -> None:
    store, write = place
    store.create()
    write("set/torn", b"on")
    write("set/foreign", b"mine")
    for _ in range(2):
        store.put("torn", b"one")
        with pytest.raises(Conflict, match="foreign"):
            store.put("foreign", b"one")
    assert (store.read("torn", 1 << 20), store.read("foreign", 1 << 20)) == (b"one", b"mine")


def test_what_fails_on_the_way_is_not_there(place: Place) -> None:
    store, _ = place
    store.create()

    def broken() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("stop")

    for put in (store.put, store.stage, store.overwrite):
        with pytest.raises(RuntimeError, match="stop"):
            put("one", broken())
    assert not store.exists("one")
    assert store.list_names("") == []


def test_what_is_ours_is_replaced_staged_and_removed(place: Place) -> None:
    store, _ = place
    store.create()
    store.put("one", b"1")
    store.overwrite("one", b"one")
    assert store.read("one", 1 << 20) == b"one"
    store.publish(store.stage("two", iter((b"t", b"wo"))))
    store.discard(store.stage("three", b"three"))
    assert store.read("two", 1 << 20) == b"two"
    assert sorted(store.list_names("")) == ["one", "two"]
    store.put("blank", bytes(9))
    assert [store.is_empty_or_zeros(name) for name in ("one", "blank", "none")] == [
        False,
        True,
        False,
    ]
    with store.probe_file(b"a token") as name:
        assert copy(store).read(name, 1 << 20) == b"a token"
    for name in ("one", "two", "blank"):
        store.remove(name)
    assert store.list_names("") == []


def test_a_log_is_resumed(place: Place) -> None:
    store, _ = place
    store.create()
    name = ".pixelgen.journal"
    with store.log(name) as log:
        assert log.append(b"one\n") == 0
        place_of_two = log.append(b"two\n")
        assert list(log.lines(place_of_two, max_bytes=99)) == [b"two\n"]
    with store.log(name) as log:
        assert (log.size, place_of_two) == (8, 4)
        assert next(log.lines(log.append(b"three\n"), max_bytes=99)) == b"three\n"
    assert list(store.lines(name)) == [b"one\n", b"two\n", b"three\n"]
    with store.log(name) as log:
        log.remove()
    assert not store.exists(name)
    assert list(store.lines(name)) == []
    assert store.list_names("") == []


def test_it_crosses_processes_and_is_itself(place: Place) -> None:
    store, _ = place
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 – our own
    assert again == store
    assert hash(again) == hash(store)
    assert store.absolute().absolute() == store.absolute()
    assert store.path("one").endswith("set/one")


def test_a_store_that_can_lock_excludes_others_and_any_other_store_does_not(place: Place) -> None:
    store, _ = place
    store.create()
    with lock(store):
        assert store.exists(LOCK) == store.can_lock
        if store.can_lock:
            with pytest.raises(Busy, match="in use"), lock(store):
                pass
        else:
            with lock(store), pytest.raises(NotImplementedError, match="locks"):
                store.open_lock(LOCK)
    assert not store.exists(LOCK)


def test_a_store_that_can_replace_moves_files_to_free_names(place: Place) -> None:
    store, _ = place
    store.create()
    store.put("one", b"1")
    store.put("two", b"2")
    if not store.can_replace:
        with pytest.raises(NotImplementedError, match="rename"):
            store.move("one", "three")
        return
    assert store.can_lock
    with pytest.raises(Conflict, match="two"):
        store.move("one", "two")
    store.move("one", "three")
    assert sorted(store.list_names("")) == ["three", "two"]
    assert store.read("three", 9) == b"1"


def test_a_line_is_stored_at_once_where_the_store_says_so(place: Place) -> None:
    store, _ = place
    store.create()
    with store.log(".pixelgen.log") as log:
        log.append(b"one\n")
        if store.appends_immediately:
            assert list(store.lines(".pixelgen.log")) == [b"one\n"]


def test_a_path_is_one_of_this_machine_where_the_store_says_so(place: Place) -> None:
    store, _ = place
    store.create()
    store.put("one", b"1")
    assert Path(store.path("one")).is_file() == store.has_local_paths
    assert store.has_local_paths or not store.can_lock


def test_a_dataset_is_written_to_any_store(place: Place) -> None:
    store, _ = place
    job = Job.parse(count=3, width=8, height=8)
    outcome = write(job, store, RunConfig(Serial(), 1, lambda *_: None))
    assert (outcome.created, outcome.is_complete) == (3, True)
    assert write(job, store, RunConfig(Serial(), 1, lambda *_: None)).existing == 3
    assert store.size(job.manifest)
