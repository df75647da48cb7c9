"""PyTorch's loader takes a job as it is: a map-style data set that makes its images when asked."""

import pytest

from pixelgen.job import Job

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
