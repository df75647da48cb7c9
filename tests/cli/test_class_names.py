"""``--classes``: names, the lines of a file, or the names of a data.yaml."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.cli import main
from tests.layouts.support import missing
from tests.support.user_datasets import TWO, yolo

QUICK = "generate -n 1 -s 8 -q -j 1 -o neg"


@pytest.fixture
def say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run generate; return what it says. What is refused leaves nothing."""
    monkeypatch.chdir(tmp_path)

    def run(options: str, code: int = 0) -> str:
        found = main(shlex.split(f"{QUICK} {options}"))
        said = "".join(capfd.readouterr())
        assert found == code, said
        assert code == 0 or len(said.splitlines()) == 1, said
        assert Path("neg").exists() == (code == 0)
        return said

    return run


def classes() -> Any:
    return json.loads(Path("neg/pixelgen.json").read_text())["job"]["classes"]


@pytest.mark.parametrize("name", ["names.txt", "sub/my.names", "a,b.csv", "plain"])
def test_a_file_has_a_name_on_each_line(name: str, say: Callable[..., str]) -> None:
    Path("sub").mkdir()
    Path(name).write_text("\ufeffcat\r\n\n big dog \nn/a, or x\n", encoding="utf-8")
    say(f"--classes '{name}'")
    assert classes() == ["cat", "big dog", "n/a, or x"]


def test_the_names_of_a_data_yaml_are_read(say: Callable[..., str]) -> None:
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    yolo(Path("own"), TWO)
    say("--classes own/data.yaml")
    assert classes() == [*TWO]
    Path("names.yml").write_text("names: {0: cat, 1: dog}")
    say("--classes names.yml --force")
    assert classes() == ["cat", "dog"]


def test_a_leading_tilde_is_the_home(
    say: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path("names.txt").write_text("cat\ndog\n")
    say("--classes=~/names.txt")
    assert classes() == ["cat", "dog"]


def test_a_recipe_reads_the_file_too(say: Callable[..., str]) -> None:
    Path("recipe.toml").write_text('classes = "names.txt"')
    assert "names.txt" in say("--recipe recipe.toml", 2)
    Path("names.txt").write_text("cat\ndog\n")
    say("--recipe recipe.toml")
    assert classes() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ("x/classes.txt", "'x/classes.txt' exist cat,dog file"),
        ("classes.txt", "'classes.txt' exist"),
        ("Data.YAML", "'Data.YAML' exist"),
        ("coco.names", "'coco.names' exist"),
        ("folder/", "'folder/' folder --beside"),
        ("./folder", "'./folder' folder --beside"),
        ("empty.txt", "empty.txt one line"),
        ("twice.txt", "twice.txt 'cat' twice"),
        ("binary.txt", "binary.txt UTF-8"),
        ("own.json", "own.json JSON --beside line"),
        ("list.yaml", "list.yaml names: [cat, dog]"),
        ("broken.yaml", "broken.yaml YAML"),
        ("", "class 1 empty cat,dog"),
        (" ", "class 1 empty"),
        ("cat,,dog", "class 2 empty"),
        ("cat,dog,", "class 3 empty"),
        (",cat", "class 1 empty"),
        ("cat, ,dog", "class 2 empty"),
    ],
)
def test_what_has_no_names_is_one_line(given: str, facts: str, say: Callable[..., str]) -> None:
    if given.endswith((".yaml", ".YAML")):
        pytest.importorskip("yaml", reason="PyYAML is not installed")
    Path("folder").mkdir()
    Path("empty.txt").write_text("\n \n")
    Path("twice.txt").write_text("cat\ncat\n")
    Path("binary.txt").write_bytes(b"\xff\xfe")
    Path("own.json").write_text("{}")
    Path("list.yaml").write_text("- cat\n- dog\n")
    Path("broken.yaml").write_text("names: [")
    assert missing(facts, say(f"--classes '{given}'", 2)) == []


@pytest.mark.parametrize("given", ["cat", "folder", "n/a,cat", "cat.txt,dog", "U.S. mail"])
def test_names_stay_names(given: str, say: Callable[..., str]) -> None:
    Path("folder").mkdir()
    say(f"--classes '{given}'")
    assert classes() == given.split(",")
