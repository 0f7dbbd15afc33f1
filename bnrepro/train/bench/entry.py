"""What the command line hands to a benchmark; importing it does not import torch."""

from __future__ import annotations

from multiprocessing.connection import Connection

from bnrepro.spec.bench import Contender, Workload

BENCH_MODULE = "bnrepro.train.bench.serve"
"""What a fork server imports once, so that contenders start with torch in memory."""


def contend(contender: Contender, workload: Workload, connection: Connection) -> None:
    """The life of one contender's process; see :func:`bnrepro.train.bench.serve.serve`."""
    from bnrepro.train.bench.serve import serve

    serve(contender, workload, connection)
