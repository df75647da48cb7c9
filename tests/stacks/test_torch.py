"""PyTorch's loader takes a job as it is: a map-style data set that makes its images when asked."""

from collections.abc import Callable

import pytest

from pixelgen.job import Job
from tests.support.command import Done

pytestmark = pytest.mark.heavy


def test_a_pytorch_data_loader_takes_a_job() -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    job = Job(count=10, width=8, height=8)
    for workers in (0, 2):
        batches = list(data.DataLoader(job, batch_size=4, num_workers=workers))
        assert [tuple(batch.shape) for batch in batches] == [
            (4, 8, 8, 3),
            (4, 8, 8, 3),
            (2, 8, 8, 3),
        ]
        assert (batches[1][2].numpy() == job.render(6)).all()


@pytest.mark.filterwarnings("ignore")
def test_a_worker_without_a_shard_needs_no_empty_check(make: Callable[..., Done]) -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    make("-n", 20, "-s", 8, "--layout", "webdataset:per_shard=5")
    found = {}
    for check in (True, False):
        shards = webdataset.WebDataset(
            "negatives/negatives-{000000..000003}.tar", shardshuffle=False, empty_check=check
        )
        found[check] = data.DataLoader(shards.decode("torchrgb").to_tuple("png", "cls"),
                                       batch_size=None, num_workers=6)  # fmt: skip

    assert len(list(found[False])) == 20
    with pytest.raises(ValueError, match="fewer shards than workers"):
        list(found[True])
