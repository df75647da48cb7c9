"""Mining: the dataset of the candidates that fool a model, and of plain ones beside them."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import Self

from pixelgen.dataset.api import Manifest, Place, open_place
from pixelgen.dataset.journal import Journal
from pixelgen.dataset.manifest import listed_checksum
from pixelgen.dataset.overwrite import check_removable
from pixelgen.dataset.plan import PLAN, Plan, is_finished
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import MINING, SEARCH_JOURNAL
from pixelgen.dataset.writer import check_free
from pixelgen.errors import AnotherJob, BadValue
from pixelgen.job import Job
from pixelgen.scoring.base import Model
from pixelgen.scoring.candidates import JobCandidates
from pixelgen.scoring.choice import Choice, describe_excluded
from pixelgen.scoring.fingerprint import fingerprint
from pixelgen.scoring.mined_dataset import MinedDataset, check_search_files
from pixelgen.scoring.mining_record import MiningRecord
from pixelgen.scoring.models import Hook, to_model
from pixelgen.scoring.score_table import ScoreTable
from pixelgen.scoring.search import Search, run_search
from pixelgen.scoring.selection_rules import SelectionRules, Selector
from pixelgen.source_images import SelectedImage, Selection
from pixelgen.storage import Store


@dataclass(frozen=True)
class Mining:
    """A search that nothing forbids any more: :func:`mine` before anything is scored.

    Attributes:
        search: The candidates, and what scores them.
        rules: What is selected.
        carried: The images of an earlier round.
        after: The id of its dataset, or ''.
        scores: The scores of the dataset that is there already; None if it has none.
    """

    search: Search
    rules: SelectionRules
    carried: tuple[SelectedImage, ...]
    after: str
    scores: ScoreTable | None

    @classmethod
    def prepare(
        cls, job: Job, model: Model, path: Place, rules: SelectionRules, run: RunConfig
    ) -> Self:
        """Raise what :func:`mine` raises before it scores anything; write nothing."""
        if job.remote or job.removed or job.selection:
            raise BadValue("candidates must be all the images of a job that are generated here")
        if not len(job):
            raise BadValue("there are no candidates; give a --budget of at least 1")
        rules.most_of_family(len(_families(job)))
        earlier = MinedDataset.open(rules.after) if rules.after else None
        if earlier:
            _check_round(earlier, job)
        carried = earlier.images if earlier else ()
        search = Search(job, model, rules.threshold if rules.robust else None)
        largest = _largest_job(job, rules, carried)
        return cls(
            search=search,
            rules=rules,
            carried=carried,
            after=earlier.job.digest if earlier else "",
            scores=_find_scores(search, open_place(path), run, largest),
        )

    def run(self, path: Place, run: RunConfig) -> Choice:
        """Score candidates until enough are selected; write nothing but the journal of that."""
        search, rules, store = self.search, self.rules, open_place(path)
        selector = _selector(rules, search.job, self.carried)
        table = self.scores
        if table is not None:
            _select(table, selector)
        if table is None:
            table = run_search(search, selector, store, run, None)
        elif not selector.is_full and len(table) < len(search.job):
            if not run.overwrite:
                raise AnotherJob(
                    f"{store.root} was searched up to candidate {len(table):,}; to search on and"
                    " replace the dataset there, give --force, or choose another directory"
                )
            selector = _selector(rules, search.job, self.carried)
            table = run_search(search, selector, store, run, table)
        selected = selector.selected()
        record = MiningRecord(
            search=search.digest,
            model=search.model.record,
            first=search.first,
            scored=len(table),
            robust_from=search.robust_from,
            rules=replace(rules, after=""),  # a path
            after=self.after,
            families=table.families,
            classes=table.classes,
            excluded=[*describe_excluded(selected, search.job)],
        )
        return Choice(search.job, table, record, selected, self.carried)


def mine(
    job: Job,
    model: Model | Hook,
    path: Place,
    rules: SelectionRules,
    *,
    run: RunConfig | None = None,
) -> tuple[Manifest | None, Choice]:
    """Search the images of a job for some that fool a model, and generate the dataset of these.

    Run again, it resumes a search or a dataset that was interrupted.

    Args:
        job: The candidates are its images, so that ``count`` is the most that are scored; it has
            scanned the images that it is made from. Its layout is that of the dataset.
        model: As :func:`load_model` returns it, or a function as :func:`score` takes it.
        path: A directory, the URL of an object store such as s3://bucket/prefix, or a store.
        rules: What is selected.
        run: How to run it.

    Returns:
        The dataset, None if the run was stopped before it was begun; and what was selected.

    Raises:
        BadValue: For what cannot be done.
        Conflict: Where another dataset or other files are in the way.
        Busy: Where another process writes there.
        PixelgenError: Where no candidate fools the model, or it or writing fails; the same call
            then resumes.
    """
    run, store = run or RunConfig(), open_place(path)
    mining = Mining.prepare(job, to_model(model), store, rules, run)
    choice = mining.run(store, run)
    return (None if run.stopped() else write_found(choice, store, run)), choice


def write_found(choice: Choice, store: Store, run: RunConfig) -> Manifest:
    """Generate the dataset that a search found; remove the journal once it is complete."""
    manifest = choice.write(store, run)
    if manifest.is_complete and store.exists(SEARCH_JOURNAL):
        store.remove(SEARCH_JOURNAL)
    return manifest


def select(
    source: Place | MinedDataset, rules: SelectionRules | None = None, *, job: Job | None = None
) -> Choice:
    """Select from the recorded scores of a mined dataset again, without the model.

    Images that were removed from it are not selected again.

    Args:
        source: The mined dataset.
        rules: What is selected; None for the same as then.
        job: The job of its candidates with another layout, other classes or names; None for the
            same.

    Returns:
        What was selected; its method ``write`` generates the dataset.

    Raises:
        BadValue: For what cannot be done.
        Conflict: Where the mined dataset is damaged.
    """
    mined = source if isinstance(source, MinedDataset) else MinedDataset.open(source)
    record, candidates = mined.record, mined.candidates
    job = candidates if job is None else job.with_sources(candidates.sources)
    if Search.fields_of(job) != Search.fields_of(candidates) or job.count != candidates.count:
        raise BadValue(f"the job is not that of the candidates of {mined.store.root}")
    rules = rules or record.rules
    if record.robust_from is not None and rules.threshold < record.robust_from:
        raise BadValue(
            f"threshold {rules.threshold:g} is below {record.robust_from:g}, and candidates of"
            " lower scores were not scored mirrored and shifted; give that or a higher one"
        )
    table = record.read_scores(mined.store)
    carried = tuple(image for image in mined.images if image.candidate < record.first)
    selector = _selector(rules, job, carried)
    _select(table, selector, mined.removed)
    selected = selector.selected()
    record = replace(record, rules=rules, excluded=[*describe_excluded(selected, job)])
    return Choice(job, table, record, selected, carried)


def _selector(rules: SelectionRules, job: Job, carried: Iterable[SelectedImage]) -> Selector:
    own = {each.name for each in job.image.family.families if each.image_source}
    selector = Selector(rules, len(_families(job)), own)
    mined = tuple(image for image in carried if image.mined)
    images = Job.parse(**Search.fields_of(job)).with_sources(job.sources)  # without splits
    known = JobCandidates(images.with_selection(Selection(mined)))
    for candidate in known.read(range(len(mined))):
        selector.mark_known(fingerprint(candidate.image))
    return selector


def _families(job: Job) -> set[str]:
    return {each.name for each in job.image.family.families}


def _select(table: ScoreTable, selector: Selector, removed: Container[int] = ()) -> None:
    for number, candidate in enumerate(table, table.first):
        if number not in removed:
            selector.add(number, candidate)


def _largest_job(job: Job, rules: SelectionRules, carried: Iterable[SelectedImage]) -> Job:
    """Return the job of as many images as there may be, whose files have the dataset's names."""
    blank = SelectedImage(0, 0.0, "", mined=False)
    return job.with_selection(Selection((*carried, *[blank] * rules.keep)))


def _find_scores(search: Search, store: Store, run: RunConfig, largest: Job) -> ScoreTable | None:
    """Return the scores of a dataset that is there already; None if the search is still to be run.

    Raises:
        AnotherJob: If it is another dataset.
        Conflict: Without a dataset, if a file has a name that it would have; with one that is to be
            replaced, if it is not as it was made.
    """
    if store.exists(SEARCH_JOURNAL):
        return None
    plan = Plan.read(store)
    # If the plan was lost, the checksums say that there was one.
    is_mined = plan.job.selection if plan else listed_checksum(store, PLAN)
    record = None
    if is_mined and (plan or store.size(MINING) is not None):
        check_search_files(store)
        record = MiningRecord.read(store)
    scores = record.read_scores(store) if record and record.search == search.digest else None
    if plan is None and scores is None:
        target = Plan.of(largest)
        check_free(target, largest, store, Journal(store, target))
    if plan and run.overwrite and (scores is None or is_finished(store, plan.job)):
        check_removable(plan, largest, store, run)
    elif plan and scores is None:
        what = "was mined by another model or from other candidates" if record else "was not mined"
        raise AnotherJob(f"the dataset in {store.root} {what}; choose another directory")
    return scores


def _check_round(earlier: MinedDataset, job: Job) -> None:
    """Refuse candidates that are not those that follow a dataset's own.

    Raises:
        BadValue: For such candidates.
    """
    before = Search.fields_of(earlier.candidates)
    now = Search.fields_of(job)
    differ = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    if differ or earlier.candidates.algorithm != job.algorithm:
        raise BadValue(
            f"the candidates of {earlier.store.root} were others"
            f" ({', '.join(sorted(differ)) or 'of another version'}); a next round must have the"
            " same: omit the options of what to draw"
        )
    if (job.start or 0) != earlier.record.end:
        raise BadValue(
            f"the candidates of a next round must begin at {earlier.record.end}, after those of"
            f" {earlier.store.root}; omit --start"
        )
