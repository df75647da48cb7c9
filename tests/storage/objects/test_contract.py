"""What every store does, seen of a directory and of a bucket alike."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixelgen.errors import Conflict
from pixelgen.storage import Store, store_of
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

Place = tuple[Store, Callable[[str, bytes], None]]


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a store, and how somebody else writes there."""
    if request.param == "directory":
        return store_of(str(tmp_path / "set")), lambda name, data: _write(tmp_path / name, data)
    server: Server = request.getfixturevalue("s3")
    prefix = request.getfixturevalue("prefix")
    return store_of(f"s3://sets/{prefix}/set"), lambda name, data: server.put(
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
    assert store.names("who") == ["whole"]


def test_what_is_not_there_is_told_to_be_missing(place: Place) -> None:
    store, _ = place
    assert store.size("none") is None
    assert not store.exists("none")
    assert not store.content_equals("none", b"")
    assert list(store.lines("none")) == []
    assert store.names("") == []
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
    assert store.names("") == []


def test_what_is_ours_is_replaced_staged_and_removed(place: Place) -> None:
    store, _ = place
    store.create()
    store.put("one", b"1")
    store.overwrite("one", b"one")
    assert store.read("one", 1 << 20) == b"one"
    store.publish(store.stage("two", iter((b"t", b"wo"))))
    store.discard(store.stage("three", b"three"))
    assert store.read("two", 1 << 20) == b"two"
    assert sorted(store.names("")) == ["one", "two"]
    store.put("blank", bytes(9))
    assert [store.is_blank(name) for name in ("one", "blank", "none")] == [False, True, False]
    with store.probe_file(b"a token") as name:
        assert store_of(store.root).read(name, 1 << 20) == b"a token"
    for name in ("one", "two", "blank"):
        store.remove(name)
    assert store.names("") == []


def test_a_log_is_gone_on_with(place: Place) -> None:
    store, _ = place
    store.create()
    name = ".pixelgen.journal"
    with store.log(name) as log:
        assert log.append(b"one\n") == 0
        place_of_two = log.append(b"two\n")
        assert list(log.lines(place_of_two, most=99)) == [b"two\n"]
    with store.log(name) as log:
        assert (log.size, place_of_two) == (8, 4)
        assert next(log.lines(log.append(b"three\n"), most=99)) == b"three\n"
    assert list(store.lines(name)) == [b"one\n", b"two\n", b"three\n"]
    with store.log(name) as log:
        log.remove()
    assert not store.exists(name)
    assert list(store.lines(name)) == []
    assert store.names("") == []


def test_it_crosses_processes_and_is_itself(place: Place) -> None:
    store, _ = place
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 – our own
    assert again == store
    assert hash(again) == hash(store)
    assert store.absolute().absolute() == store.absolute()
    assert store.path("one").endswith("set/one")
