"""Advice: what a message says to do can be done, and works.

A message that names a command of pixelgen, an option, or "the same command" is advice. Each test
in ``test_advice_*.py`` brings about the situation, reads the message, follows it, and checks that
it helps. The words of the message are its claims, the arguments of ``follows_advice``, with … for
each value in them; the guard here fails for advice in the package that no test claims.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import pixelgen
from pixelgen.cli import cli
from pixelgen.storage.fsspec_clients import _EXTRAS
from tests.support.advice import GAP
from tests.support.command import ROOT

COMMANDS = {
    name: command
    for name in cli.list_commands(click.Context(cli))
    if (command := cli.get_command(click.Context(cli), name))
}

TESTED_ELSEWHERE = {
    "choose another number with --jobs":
        "tests/dataset/test_worker_memory.py::test_the_number_that_was_given_is_kept",
    "run the same command again with fewer --jobs or choose a smaller --size":
        "tests/dataset/test_worker_memory.py::test_the_number_that_was_given_is_kept",
    "to make them again, run: pixelgen repair …":
        "tests/dataset/test_missing_files.py::test_no_command_reports_a_dataset_with_a_missing_file_as_complete",
    "… must be a whole number, 1 or more; omit --jobs to use all CPUs, or write --jobs 2":
        "tests/cli/test_advice_mistakes.py::test_a_mistake_is_answered_with_what_to_write",
    "--mode …":
        "tests/cli/test_advice_mistakes.py::test_a_mistake_is_answered_with_what_to_write",
    "unknown trainer …: it is a layout; write --layout …, or choose one of …":
        "tests/cli/test_advice_mistakes.py::test_a_mistake_is_answered_with_what_to_write",
    "run the same command again with --jobs 1, or allow this user more processes":
        "tests/faults/test_calls.py::"
        "test_a_system_without_threads_or_processes_is_one_line_and_never_hangs",
    "free some space, then run the same command again":
        "tests/faults/test_full_disks.py::test_a_disk_that_is_full_at_any_page_leaves_no_truncated_file",
    "run the same command again to resume":
        "tests/faults/test_calls.py::"
        "test_a_run_whose_system_call_fails_reports_it_and_is_resumed",
    "; the images fetched so far are kept (…): run the same command again to resume":
        "tests/pixlab/client/test_fetch.py::test_batch_refused_half_way_is_resumed",
    "lost the connection to the Dask scheduler (…); start it again, then run the same command":
        "tests/engines/test_dask.py::"
        "test_a_killed_scheduler_ends_the_run_and_the_next_one_completes_it",
    "start some ('dask worker ADDRESS --nthreads 1'), then run the same command again":
        "tests/engines/test_dask.py::test_a_scheduler_without_workers_is_waited_for",
    "… has changed since … was begun, which keeps the boxes of then; to read it again, run the same"
    " command with --force":
        "tests/families/test_crop.py::test_corrected_labels_are_noted_and_read_again_on_request",
    "model … was changed meanwhile; run the command again":
        "tests/scoring/test_onnx_refusals.py::test_a_file_that_changes_before_it_is_opened",
    "output … of the model … has … rows for a batch of …; check --score and --output":
        "tests/scoring/test_onnx_refusals.py::test_an_output_without_a_row_for_each_image",
    "output … of the model …, as …, has values that are not confidences of 0 … 1; check --score and"
    " --output":
        "tests/scoring/test_onnx_refusals.py::test_scores_that_are_no_confidences_are_refused",
    "the run was stopped before any image was scored; run it again":
        "tests/scoring/test_audit.py::test_a_run_that_is_stopped_at_once_has_no_audit",
    "--force cannot replace a dataset in …; remove the objects yourself, or use a directory":
        "tests/storage/objects/test_s3.py::test_a_dataset_is_replaced_once_its_objects_are_removed",
    "it failed for … s; run the same command again to resume":
        "tests/storage/objects/test_s3.py::test_a_run_that_an_outage_ended_is_resumed_by_the_same_command",
    "again with more memory for each (--memory-limit), then run the same command again to resume":
        "tests/engines/test_dask_workers.py::test_a_run_whose_workers_are_all_paused_ends_and_is_resumed",
    "set the clock of this machine, then run the same command again":
        "tests/storage/objects/test_refusals.py::test_a_wrong_clock_is_said_to_be_wrong",
    "renew or correct the credentials, then run the same command again":
        "tests/storage/objects/test_refusals.py::test_credentials_that_expire_in_a_run_are_renewed_and_it_is_resumed",
    "Host … is not a name of this server; use localhost, or start the server with --allow-host":
        "tests/pixlab/server/test_serve.py::test_allowed_host_is_accepted",
    "start the server with --allow-origin ORIGIN, and let the page use CORS":
        "tests/pixlab/server/test_serve.py::test_allowed_origin_gets_cors_headers",
    "busy; try again in a second":
        "tests/pixlab/server/test_serve.py::test_requests_beyond_the_queue_get_503",
}  # fmt: skip
"""Messages whose advice a test of another module follows to the end."""

EXEMPT = {
    " --remote": "needs an endpoint; of a command that is tried without it",
    "warning: --key is kept": "warns of the option that was given; the help says what is better",
    "as given by --score": "a part of the description of a model",
    "pixelgen serve": "the title of the description of the service",
    "workers keep dying (killed, or out of memory?); run the same command again with more memory":
        "needs a cluster whose workers lack memory",
    "start 'dask scheduler --scheduler-file …', which writes it":
        "a command of Dask's, seen to be there below",
    "invalid scheduler file …: must be as 'dask scheduler --scheduler-file' writes it":
        "a command of Dask's, seen to be there below",
    "… has … bytes, but … were sent; run the same command again":
        "needs a store that confirms what it did not take",
    "in the checkout, git checkout v… && python -m pip install .":
        "needs another version of pixelgen",
    "in the checkout, python -m pip install '.[…]'": "an extra, compared below",
}  # fmt: skip
"""Texts that look like advice and are not, or whose advice cannot be followed in a test."""

ADVICE = re.compile(
    rf"pixelgen (?:{'|'.join(COMMANDS)})\b|--[a-z…]|\b(?:same|this|(?:run|with) the) command\b"
    r"|\b(?:run|try|verify|repair)\b.{0,20} again\b|pip install|chmod|ulimit|sbatch|dask (?:w|s)"
)
OF_OTHERS = ("--array", "--memory-limit", "--nthreads", "--scheduler-file", "--help")
PACKAGE = Path(pixelgen.__file__).parent
TESTS = ROOT / "tests"


@cache
def claimed() -> frozenset[str]:
    """Return the claims of all tests of advice: read, since a run may import only some of them."""
    calls = (
        node
        for path in Path(__file__).parent.glob("test_advice_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "follows_advice"
    )
    return frozenset(text_of(claim) for call in calls for claim in call.args)


def text_of(node: ast.expr) -> str:
    """Return a string as it is written, with … for each value in it; '' for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(each) for each in node.values)
    if isinstance(node, ast.FormattedValue):
        return GAP
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def texts_in(node: ast.AST, *, help_too: bool) -> Iterator[str]:
    """Yield the strings in a piece of code; docstrings and help of options only if asked for."""
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(node, ast.Expr) and isinstance(child, ast.Constant)
        is_help = isinstance(child, ast.Call) and any(
            each.arg in ("help", "epilog") for each in child.keywords
        )
        if not help_too and (is_docstring or is_help):
            continue
        if isinstance(child, ast.expr) and (text := text_of(child)) and text != GAP:
            yield text
        values = (each for each in getattr(child, "values", ()) if text_of(each) == GAP)
        for each in values if isinstance(child, ast.JoinedStr) else (child,):
            yield from texts_in(each, help_too=help_too)


@cache
def texts(*, help_too: bool = False) -> dict[str, str]:
    """Return the strings of the package, each with the module that has it."""
    return {
        text: str(path.relative_to(PACKAGE.parent))
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in texts_in(ast.parse(path.read_text()), help_too=help_too)
    }


def covers(claim: str, text: str, place: int) -> bool:
    """Tell whether a claim is of a message, and of what stands at a place in it.

    One that is a message of its own is of no other.
    """
    start = text.find(claim)
    is_of_it = claim == text or claim not in texts()
    return is_of_it and start >= 0 and start <= place < start + len(claim)


def test_all_advice_is_tried() -> None:
    """A message that is new is to be played by a test: see ``follows_advice``."""
    claims = (*claimed(), *TESTED_ELSEWHERE, *EXEMPT)
    untried = [
        f"{where}: {found[0]!r} in {text!r}"
        for text, where in texts().items()
        if not re.fullmatch("--[a-z-]+", text)  # the name of an option
        for found in ADVICE.finditer(text)
        if not any(covers(claim, text, found.start()) for claim in claims)
    ]
    assert not untried, "\n".join(untried)


def test_each_claim_is_of_one_message() -> None:
    for claim in (*claimed(), *TESTED_ELSEWHERE, *EXEMPT):
        found = [text for text in texts() if claim in text]
        assert found, f"no message says {claim!r} any more"
        assert len(found) == 1 or claim in found, f"{claim!r} is of several messages: {found}"


@pytest.mark.parametrize("test", sorted(set(TESTED_ELSEWHERE.values())))
def test_the_named_tests_exist(test: str) -> None:
    path, name = test.split("::")
    module = ast.parse((TESTS.parent / path).read_text())
    assert name in [node.name for node in module.body if isinstance(node, ast.FunctionDef)]


def test_options_and_commands_named_in_help_and_messages_exist() -> None:
    contexts = [command.make_context(name, [], resilient_parsing=True)
                for name, command in COMMANDS.items()]  # fmt: skip
    options = {option for context in contexts for parameter in context.command.params
               if isinstance(parameter, click.Option)
               for option in (*parameter.opts, *parameter.secondary_opts)}  # fmt: skip
    for text, where in texts(help_too=True).items():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
            assert option in options or option in OF_OTHERS, f"{where}: {option} in {text!r}"
        for command in re.findall(r"(?:'|``|: )pixelgen ([a-z]+)", text):
            assert command in COMMANDS, f"{where}: {command} in {text!r}"


def test_every_named_extra_exists() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    named = {extra for text in sources for extra in re.findall(r"install_extra\('(.+?)'\)", text)}
    assert named >= {"dask", "parquet", "serve", "tfrecord"}
    assert named | set(_EXTRAS.values()) <= set(project["optional-dependencies"])


def test_nothing_sends_users_to_a_package_index_for_pixelgen() -> None:
    """The name is not settled: what an index has under it is another project's."""
    index = re.compile(r"pip install[^`\n]*[' ]pixelgen\b|pixelgen\[[a-z]")
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *PACKAGE.rglob("*.py")]
    assert [path for path in pages if index.search(path.read_text(encoding="utf-8"))] == []


def test_commands_of_dask_have_the_options_that_are_named() -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    from distributed.cli import dask_scheduler, dask_worker

    for command, option in (
        (dask_scheduler.main, "--scheduler-file"),
        (dask_worker.main, "--nthreads"),
        (dask_worker.main, "--memory-limit"),
    ):
        assert option in {name for parameter in command.params for name in parameter.opts}
