"""The paper's figures: what each of them shows, in data. Nothing here knows a run.

Where our copy of the paper has lost a figure, what it shows is told by the text around it (Sections 1, 4 and 5,
Appendices C to I).
"""

from __future__ import annotations

from dataclasses import dataclass

from bnrepro.report.figures.bundles import Wanted
from bnrepro.report.figures.by_parameters import ByParameters, CountedSeries
from bnrepro.report.figures.by_size import BySize
from bnrepro.report.figures.drawn import Part
from bnrepro.report.figures.groups import Group
from bnrepro.report.figures.histograms import Counted, Histograms
from bnrepro.report.figures.looks import look, series, share_series
from bnrepro.report.figures.threshold_curves import Followed, ThresholdCurves
from bnrepro.spec.arms import Arm
from bnrepro.spec.metrics import Metric
from bnrepro.spec.networks import Network


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the paper."""

    number: int
    title: str
    where: str
    """Where the paper speaks of it: ``Section 4``, ``Appendix E.2``."""
    parts: tuple[Part, ...]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"figure-{self.number}"


_CIFAR_AND_IMAGENET = (
    (Group.DEPTH, Metric.TEST_ACCURACY),
    (Group.WIDTH, Metric.TEST_ACCURACY),
    (Group.IMAGENET, Metric.TOP5_ACCURACY),
)
_CIFAR = _CIFAR_AND_IMAGENET[:2]
_WITH_TOP1 = (*_CIFAR_AND_IMAGENET, (Group.IMAGENET, Metric.TEST_ACCURACY))
_VGG = ((Group.VGG, Metric.TEST_ACCURACY),)
_EVERY_RESNET = (Wanted(group=Group.DEPTH), Wanted(group=Group.WIDTH), Wanted(group=Group.IMAGENET))

_ALL, _BATCHNORM = series("all", 1), series("batchnorm", 0)
_WITHOUT_AFFINE = (_ALL, series("all_but_affine", 5))
_ACCURACY_ARMS = (_ALL, series("batchnorm_output", 4), _BATCHNORM, series("random_2", 2), series("output", 3))
_BOTH = (_BATCHNORM, _ALL)
_BATCHNORM_ARM, _ALL_ARM = Arm.parse("batchnorm"), Arm.parse("all")


def _histogram(number: int, title: str, counted: Counted, group: Group, where: str, *printed: Metric) -> Figure:
    part = Histograms(counted=counted, groups=(Wanted(group=group),), series=_BOTH, printed=frozenset(printed))
    return Figure(number=number, title=title, where=where, parts=(part,))


FIGURES: tuple[Figure, ...] = (
    Figure(
        number=1,
        title="Accuracy with and without training γ and β, when all else is trained",
        where="Section 1",
        parts=(BySize(rows=(*_CIFAR, (Group.IMAGENET, Metric.TEST_ACCURACY)), series=_WITHOUT_AFFINE, close=True),),
    ),
    Figure(
        number=2,
        title="Accuracy when only BatchNorm is trained, beside training more, less and as much elsewhere",
        where="Section 4",
        parts=(BySize(rows=_WITH_TOP1, series=_ACCURACY_ARMS),),
    ),
    Figure(
        number=3,
        title="Accuracy by number of BatchNorm parameters, made deeper and made wider",
        where="Section 4",
        parts=(
            ByParameters(
                counted="batchnorm",
                series=(
                    CountedSeries(group=Group.DEPTH, arm=_BATCHNORM_ARM, style=look("BatchNorm only, deeper", 1)),
                    CountedSeries(group=Group.WIDTH, arm=_BATCHNORM_ARM, style=look("BatchNorm only, wider", 0, 2)),
                ),
                fitted=True,
                close=True,
            ),
        ),
    ),
    Figure(
        number=4,
        title="Distribution of γ in ResNet-110 and ResNet-101",
        where="Section 5",
        parts=(
            Histograms(
                counted=Counted.GAMMA,
                groups=(
                    Wanted(group=Group.DEPTH, only=Network.parse("resnet-110")),
                    Wanted(group=Group.IMAGENET, only=Network.parse("imagenet-resnet-101")),
                ),
                series=_BOTH,
                printed=frozenset(
                    {
                        Metric.GAMMA_MEAN,
                        Metric.GAMMA_SD,
                        Metric.GAMMA_POSITIVE,
                        Metric.GAMMA_NEGATIVE,
                        Metric.GAMMA_BELOW_001,
                    }
                ),
            ),
        ),
    ),
    Figure(
        number=5,
        title="Share of γ close to 0",
        where="Section 5",
        parts=(
            BySize(
                rows=tuple((group, Metric.GAMMA_BELOW_001) for group in (Group.DEPTH, Group.WIDTH, Group.IMAGENET)),
                series=(
                    share_series("batchnorm", Metric.GAMMA_BELOW_005, "|γ| below 0.05", 0, 3),
                    share_series("batchnorm", Metric.GAMMA_BELOW_001, "|γ| below 0.01", 0, 0),
                    share_series("all", Metric.GAMMA_BELOW_005, "|γ| below 0.05", 1, 2),
                    share_series("all", Metric.GAMMA_BELOW_001, "|γ| below 0.01", 1, 1),
                ),
                heading="By size, at the two thresholds of the text",
            ),
            ThresholdCurves(
                followed=Followed.SMALL_GAMMA,
                groups=_EVERY_RESNET,
                series=_BOTH,
                heading="By threshold, network by network",
            ),
        ),
    ),
    Figure(
        number=6,
        title="Accuracy with small γ set to 0",
        where="Section 5",
        parts=(ThresholdCurves(followed=Followed.CLAMPED, groups=_EVERY_RESNET, series=_BOTH),),
    ),
    Figure(
        number=7,
        title="Share of ReLU units that are off",
        where="Section 5",
        parts=(
            BySize(
                rows=tuple((group, Metric.UNITS_OFF) for group in (Group.DEPTH, Group.WIDTH, Group.IMAGENET)),
                series=_BOTH,
                heading="By size, off where 0 on more than 99 % of images and pixels",
            ),
            ThresholdCurves(
                followed=Followed.OFF,
                groups=_EVERY_RESNET,
                series=_BOTH,
                heading="By cut-off, network by network: the paper's own is lost in our copy of its text",
            ),
        ),
    ),
    Figure(
        number=8,
        title="VGG: accuracy with and without training γ and β, when all else is trained",
        where="Appendix C",
        parts=(BySize(rows=_VGG, series=_WITHOUT_AFFINE, close=True),),
    ),
    Figure(
        number=9,
        title="VGG: accuracy when only BatchNorm is trained, beside training more, less and as much elsewhere",
        where="Appendix C",
        parts=(BySize(rows=_VGG, series=_ACCURACY_ARMS),),
    ),
    Figure(
        number=10,
        title="BatchNorm alone against small ResNets of as many trained parameters",
        where="Appendix D",
        parts=(
            ByParameters(
                counted="trainable",
                series=(
                    CountedSeries(group=Group.DEPTH, arm=_BATCHNORM_ARM, style=look("BatchNorm only, deeper", 0)),
                    CountedSeries(
                        group=Group.WIDTH,
                        arm=_BATCHNORM_ARM,
                        style=look("BatchNorm only, wider", 0, 2),
                        own_places_only=True,
                    ),
                    CountedSeries(
                        group=Group.SMALL_SHALLOW,
                        arm=_ALL_ARM,
                        style=look("all parameters, ResNets of width 1/4 to 1/2", 1),
                    ),
                    CountedSeries(
                        group=Group.SMALL_DEEP, arm=_ALL_ARM, style=look("all parameters, ResNets of width 1/8", 1, 3)
                    ),
                ),
            ),
        ),
    ),
    Figure(
        number=11,
        title="Accuracy with β starting at 1",
        where="Appendix E.2",
        parts=(
            BySize(
                rows=_WITH_TOP1,
                series=(series("all", 1), series("all@beta_one", 5), _BATCHNORM, series("batchnorm@beta_one", 3)),
            ),
        ),
    ),
    Figure(
        number=12,
        title="Accuracy when shortcuts and the output layer are trained too",
        where="Appendix G",
        parts=(
            BySize(
                rows=_WITH_TOP1,
                series=(_ALL, series("batchnorm_shortcut_output", 4), series("shortcut_output", 3), _BATCHNORM),
            ),
        ),
    ),
    Figure(
        number=13,
        title="Accuracy by number of random weights trained per channel",
        where="Appendix F",
        parts=(
            BySize(
                rows=_CIFAR,
                series=(
                    _BATCHNORM,
                    series("random_16", 1),
                    series("random_8", 4),
                    series("random_4", 3),
                    series("random_2", 2),
                    series("random_1", 5),
                ),
            ),
        ),
    ),
    Figure(
        number=14,
        title="Accuracy when two random weights per channel and the output layer are trained",
        where="Appendix F",
        parts=(
            BySize(
                rows=_WITH_TOP1,
                series=(series("batchnorm_output", 4), _BATCHNORM, series("random_2_output", 5), series("random_2", 2)),
            ),
        ),
    ),
    _histogram(15, "Distribution of γ in deep ResNets", Counted.GAMMA, Group.DEPTH, "Appendix H"),
    _histogram(16, "Distribution of β in deep ResNets", Counted.BETA, Group.DEPTH, "Appendix H"),
    _histogram(17, "Distribution of γ in wide ResNets", Counted.GAMMA, Group.WIDTH, "Appendix H"),
    _histogram(18, "Distribution of β in wide ResNets", Counted.BETA, Group.WIDTH, "Appendix H"),
    _histogram(19, "Distribution of γ in ImageNet ResNets", Counted.GAMMA, Group.IMAGENET, "Appendix H"),
    _histogram(20, "Distribution of β in ImageNet ResNets", Counted.BETA, Group.IMAGENET, "Appendix H"),
    _histogram(21, "Distribution of γ in VGGs", Counted.GAMMA, Group.VGG, "Appendix H", Metric.GAMMA_BELOW_001),
    _histogram(22, "Distribution of β in VGGs", Counted.BETA, Group.VGG, "Appendix H"),
    _histogram(23, "How often units are 0 in deep ResNets", Counted.ZEROS, Group.DEPTH, "Appendix I"),
    _histogram(24, "How often units are 0 in wide ResNets", Counted.ZEROS, Group.WIDTH, "Appendix I"),
    _histogram(25, "How often units are 0 in ImageNet ResNets", Counted.ZEROS, Group.IMAGENET, "Appendix I"),
)
"""Every figure of the paper with data, by number."""
