"""The package: which module may import which, and what no module may do."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pixelgen

ROOT = Path(pixelgen.__file__).parent
ORDER = [
    "errors", "threads", "image_types", "numeric", "user_datasets", "source_images", "colors",
    "pixlab_api", "rng", "registry", "families", "formats", "generator", "storage", "layouts",
    "manifest_rows", "job_options", "job", "contact_sheet", "trainers", "engines", "pixlab",
    "dataset", "joining", "scoring", "cli", "__main__",
]  # fmt: skip
MODULES = sorted(ROOT.rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of all modules that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_layers_below_it(path: Path) -> None:
    here = layer(path)
    if here == "__init__":
        return
    for name in imports(path):
        package, _, rest = name.partition(".")
        there = rest.partition(".")[0]
        if package == "pixelgen" and there in ORDER:
            assert ORDER.index(there) <= ORDER.index(here), f"{here} imports {name}"


def test_every_layer_is_in_the_order() -> None:
    assert {layer(path) for path in MODULES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_cli_imports_terminal_packages(path: Path) -> None:
    if layer(path) == "cli":
        return
    assert not {"click", "rich", "tqdm"} & {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_random_numbers_come_only_from_the_rng_module(path: Path) -> None:
    text = path.read_text()
    assert "default_rng" not in text
    assert "import random" not in text
    assert "np.random" not in text or layer(path) == "rng"


def module_name(path: Path) -> str:
    name = ".".join(("pixelgen", *path.relative_to(ROOT).with_suffix("").parts))
    return name.removesuffix(".__init__")


def test_no_module_imports_itself_through_others() -> None:
    names = {module_name(path) for path in MODULES}
    graph = {module_name(path): {*imports(path)} & names for path in MODULES}
    for package in ("pixelgen", "pixelgen.engines"):  # their names stand for what they export
        graph.pop(package)
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_top_level_stays_small() -> None:
    names = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert len(names) <= 13
    assert len(packages) <= 13


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_at_most_350_lines_and_a_body_40(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node
            assert (node.end_lineno or 0) - first.lineno < 40, node.name


TESTS = Path(__file__).parent
CLOCKS = ("time.monotonic", "time.perf_counter", "time.process_time", "time.sleep")


@pytest.mark.parametrize(
    "path",
    sorted(TESTS.rglob("*.py")),
    ids=lambda path: str(path.relative_to(TESTS)),
)
def test_no_test_reads_the_clock(path: Path) -> None:
    if path == TESTS / "support/faults.py":  # of wait_for, whose deadline only ends a hang
        return
    nodes = ast.walk(ast.parse(path.read_text()))
    named = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    assert not named.intersection(CLOCKS)
