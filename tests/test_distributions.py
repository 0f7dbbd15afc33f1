"""Measurements counted over fixed bins: what a verdict file keeps of them for its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bnrepro.data import PreparedData, digits
from bnrepro.execute.events import Event
from bnrepro.publish import document_for
from bnrepro.question import ask
from bnrepro.report.figures.pool import pool_of
from bnrepro.spec.binning import distributions_of
from bnrepro.spec.distributions import BETA_EDGES, CUT_OFFS, GAMMA_EDGES, ZERO_SHARE_EDGES, Curve, Histogram
from bnrepro.spec.load import References, load_claim
from bnrepro.spec.probe import CLAMPING_THRESHOLDS, AffineValues, Correctness, Probe, UnitActivity
from bnrepro.spec.recipe import DatasetName
from bnrepro.spec.results import VerdictDocument
from bnrepro.spec.run import RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.suite import Suite
from tests.figure_runs import measured_of, papers, run
from tests.report_parts import BATCHNORM
from tests.small_claim import DIGITS, TENSORS, World, made_up


def test_distributions_count_every_channel_once_over_the_fixed_bins():
    gamma = np.float32([-2.0, -0.015, 0.0, 0.021, 0.03, 2.02, 7.0])
    found = distributions_of({Probe.AFFINE: AffineValues(gamma=gamma, beta=gamma)})
    assert found is not None
    assert found.affine is not None
    assert found.clamping is None
    histogram = found.affine.gamma
    assert (histogram.below, histogram.above, histogram.total) == (1, 1, 7)
    assert histogram.counts[GAMMA_EDGES.index(-0.025)] == 3
    assert histogram.counts[GAMMA_EDGES.index(0.025)] == 1
    assert found.affine.small_gamma.thresholds == CLAMPING_THRESHOLDS
    assert found.affine.small_gamma.percents[3:5] == (round(100 * 1 / 7, 4), round(100 * 2 / 7, 4))


def test_activity_is_counted_over_twentieths_and_cut_at_every_cut_off():
    found = distributions_of({Probe.ACTIVITY: UnitActivity(zeros=np.array([0, 50, 96, 100]), totals=np.full(4, 100))})
    assert found is not None
    assert found.activity is not None
    assert found.activity.zero_share.counts == (1, *(0,) * 9, 1, *(0,) * 8, 2)
    assert dict(zip(CUT_OFFS, found.activity.off.percents, strict=True))[0.95] == 50.0
    assert dict(zip(CUT_OFFS, found.activity.off.percents, strict=True))[0.99] == 25.0


def test_a_measurement_without_a_distribution_gives_none():
    assert distributions_of({}) is None
    assert distributions_of({Probe.CORRECTNESS: Correctness(correct=np.array([True]))}) is None


def test_bins_are_even_and_one_of_gamma_and_of_beta_is_centred_on_0():
    for edges in (GAMMA_EDGES, BETA_EDGES):
        assert np.allclose(np.diff(edges), 0.05)
        assert {-0.025, 0.025} <= set(edges)
    assert ZERO_SHARE_EDGES[0] == 0
    assert ZERO_SHARE_EDGES[-1] == 1


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Curve(thresholds=(0.1, 0.1), percents=(1.0, 2.0)),
        lambda: Curve(thresholds=(0.0,), percents=(1.0,)),
        lambda: Curve(thresholds=(0.1,), percents=()),
        lambda: Histogram(below=0, counts=(0, 0), above=0),
        lambda: Histogram(below=-1, counts=(2,), above=0),
        lambda: measured_of(0).affine.model_validate(measured_of(0).affine.model_dump() | {"gamma": SHORT}),
        lambda: measured_of(0).activity.model_validate(measured_of(0).activity.model_dump() | {"off": AT_ONE}),
    ],
)
def test_a_distribution_that_cannot_be_drawn_is_refused(broken):
    with pytest.raises(ValidationError):
        broken()


SHORT = {"below": 0, "counts": (1,), "above": 0}
AT_ONE = {"thresholds": (0.5, 1.0), "percents": (1.0, 1.0)}


def test_distributions_survive_the_verdict_file():
    whole = papers([run("resnet-14", BATCHNORM, 0, 70.0, distributions=measured_of(1))])
    assert VerdictDocument.model_validate_json(whole.model_dump_json()) == whole
    assert pool_of([whole]).runs[0].distributions == measured_of(1)


class Idle:
    """A pool that finds all trained and measured."""

    def run(self, _: Sequence[RunSpec], __: Mapping[str, tuple[Probe, ...]]) -> Iterator[Event]:
        yield from ()


ON_DIGITS = PreparedData(
    name="digits",
    digest=digits.DIGEST,
    published=True,
    directory=Path(),
    train_images=digits.TRAIN_IMAGES,
    test_images=digits.TEST_IMAGES,
    side=digits.SIDE,
    channels=1,
    classes=digits.CLASSES,
)


@pytest.mark.parametrize(
    ("metric", "kept"), [("gamma_sd", {"affine"}), ("units_off", {"activity"}), ("test_accuracy", set())]
)
def test_a_verdict_keeps_the_distributions_of_what_its_claim_reads(tmp_path: Path, metric: str, kept: set[str]) -> None:
    """Whatever else was measured of the same runs for other claims."""
    world = World(tmp_path)
    path = world.write_claim()
    path.write_text(path.read_text().replace("    better:", f"    metric: {metric}\n    better:"))
    question = ask(load_claim(path), Scale.DIGITS)
    suite = Suite([question], References({}), setting=DIGITS, store=Store(world.store))
    affine = AffineValues(gamma=np.float32([0.1, 0.2]), beta=np.float32([0.0, 0.3]))
    activity = UnitActivity(zeros=np.array([0, 100]), totals=np.array([100, 100]))
    for spec in suite.plan(1).missing:
        record = made_up(spec, 50.0)
        suite.store.save(record, TENSORS)
        suite.store.save_measured(record.key, Probe.AFFINE, affine)
        suite.store.save_measured(record.key, Probe.ACTIVITY, activity)
    suite.train(suite.plan(1), Idle(), lambda _: None)  # type: ignore[arg-type]
    for own in suite.measured.values():
        own |= {Probe.AFFINE: affine, Probe.ACTIVITY: activity}
    suite.judge(1)
    document = document_for(
        question, suite, data={DatasetName.DIGITS: ON_DIGITS}, scale_reason="asked for", commit="none"
    )
    assert len(document.runs) == 4
    for row in document.runs:
        found = {} if row.distributions is None else row.distributions.model_dump(exclude_none=True)
        assert found.keys() == kept
