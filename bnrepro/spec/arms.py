"""Arms: which parameters are trained, all others staying at their random draw, and how the draw is made.

An arm is named by what it trains, ``batchnorm``, and where its start is not the paper's default, by that too:
``batchnorm@beta_one``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bnrepro.errors import UnknownName, UsageError


class FeatureInit(StrEnum):
    """How convolutions and the output layer are drawn (Appendix E.1)."""

    HE_NORMAL = "he_normal"
    """Normal with variance 2 / fan-in: the paper's default."""
    UNIFORM = "uniform"
    """Uniform, of the same variance."""
    BINARY = "binary"
    """One magnitude, random signs, of the same variance."""
    ORTHOGONAL = "orthogonal"
    """Normal, made orthogonal by its singular value decomposition, at the scale of He normal."""


class AffineInit(StrEnum):
    """How γ and β start (Appendix E.2)."""

    UNIFORM = "uniform"
    """γ uniform on [0, 1), β = 0: the paper's default."""
    ONE = "one"
    """γ = 1, β = 0."""
    CENTRED = "centred"
    """γ uniform on [-1, 1), β = 0."""
    BETA_ONE = "beta_one"
    """γ uniform on [0, 1), β = 1."""


class FrozenAffine(StrEnum):
    """Where γ stands in arms that do not train it; the paper leaves it open."""

    DRAW = "draw"
    """At its initial draw: the default."""
    ONE = "one"


_RANDOM = re.compile(r"random_(0|[1-9]\d{0,3})(_scattered|_output)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One choice of trainable parameters.

    Usage:
        Arm.parse("random_2").random_per_channel   # 2
    """

    name: str
    """As written in claim files and reports."""
    label: str
    """For figures and tables."""
    affine: bool = False
    """BatchNorm's γ and β."""
    output: bool = False
    """The linear output layer."""
    shortcut: bool = False
    """The 1x1 convolutions on shortcuts, without their BatchNorm (Appendix G)."""
    convolution: bool = False
    """Every convolution, shortcuts included."""
    random_per_channel: int = 0
    """Entries trained in each output channel of every convolution (section 4, Appendix F)."""
    scattered: bool = False
    """Draw as many entries over the whole layer instead (footnote 5)."""
    feature_init: FeatureInit = FeatureInit.HE_NORMAL
    affine_init: AffineInit = AffineInit.UNIFORM
    frozen_affine: FrozenAffine = FrozenAffine.DRAW

    @classmethod
    def parse(cls, name: object) -> Arm:
        """Read the name of an arm, ``random_k`` with any k from 1 up and ``@start`` included.

        Raises:
            UnknownName: no arm, or no start, has this name.
            UsageError: k is 0.
        """
        if isinstance(name, Arm):
            return name
        if not isinstance(name, str):
            raise UsageError(f"an arm is named by text such as batchnorm, not by {name!r}")
        trained, at, start = name.partition("@")
        if at:
            if start not in STARTS:
                raise UnknownName("start of an arm", start, STARTS)
            return cls.parse(trained).starting(**STARTS[start].fields)
        if name in ARMS:
            return ARMS[name]
        match = _RANDOM.fullmatch(name)
        if match is None:
            raise UnknownName("arm", name, [*ARMS, "random_K", "random_K_scattered", "random_K_output"])
        k = int(match[1])
        if k < 1:
            raise UsageError(f"k = 0 in '{name}': random_K trains K entries a channel, K from 1 up")
        extra = {"_scattered": ", scattered", "_output": " + output layer"}.get(match[2] or "", "")
        return cls(
            name=name,
            label=f"{k} random weight{'s' if k > 1 else ''} per channel{extra}",
            random_per_channel=k,
            scattered=match[2] == "_scattered",
            output=match[2] == "_output",
        )

    @property
    def learns_before_output(self) -> bool:
        """Whether anything learns before the output layer, so that a gradient passes through the network."""
        return self.affine or self.convolution or self.shortcut or bool(self.random_per_channel)

    @property
    def trains(self) -> Arm:
        """The arm that trains the same from the default start."""
        return Arm.parse(self.name.partition("@")[0])

    def starting(
        self,
        *,
        feature_init: FeatureInit = FeatureInit.HE_NORMAL,
        affine_init: AffineInit = AffineInit.UNIFORM,
        frozen_affine: FrozenAffine = FrozenAffine.DRAW,
    ) -> Arm:
        """The same arm from another start.

        Raises:
            UsageError: the start has no name: it differs from the default in more than one thing.
        """
        plain = self.trains
        fields: dict[str, Any] = {
            "feature_init": feature_init,
            "affine_init": affine_init,
            "frozen_affine": frozen_affine,
        }
        started = replace(plain, **fields)
        if started == plain:
            return plain
        for name, start in STARTS.items():
            if replace(plain, **start.fields) == started:
                return replace(started, name=f"{plain.name}@{name}", label=f"{plain.label}, {start.label}")
        asked = f"{feature_init}, {affine_init}, {frozen_affine}"
        raise UsageError(f"no arm starts with {asked} together; choose from {', '.join(STARTS)}")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class Start:
    """One departure from the default start."""

    label: str
    fields: dict[str, Any]
    """Of :class:`Arm`."""


STARTS = {
    "features_uniform": Start(label="uniform features", fields={"feature_init": FeatureInit.UNIFORM}),
    "features_binary": Start(label="binary features", fields={"feature_init": FeatureInit.BINARY}),
    "features_orthogonal": Start(label="orthogonal features", fields={"feature_init": FeatureInit.ORTHOGONAL}),
    "gamma_one": Start(label="γ = 1", fields={"affine_init": AffineInit.ONE}),
    "gamma_centred": Start(label="γ centred on 0", fields={"affine_init": AffineInit.CENTRED}),
    "beta_one": Start(label="β = 1", fields={"affine_init": AffineInit.BETA_ONE}),
    "frozen_gamma_one": Start(label="γ frozen at 1", fields={"frozen_affine": FrozenAffine.ONE}),
}
"""What may follow ``@`` in the name of an arm."""


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name="all", label="all parameters", affine=True, output=True, convolution=True),
        Arm(name="all_but_affine", label="all but γ and β", output=True, convolution=True),
        Arm(name="batchnorm", label="BatchNorm only", affine=True),
        Arm(name="output", label="output layer", output=True),
        Arm(name="batchnorm_output", label="BatchNorm + output layer", affine=True, output=True),
        Arm(name="shortcut_output", label="shortcuts + output layer", shortcut=True, output=True),
        Arm(
            name="batchnorm_shortcut_output",
            label="BatchNorm + shortcuts + output layer",
            affine=True,
            shortcut=True,
            output=True,
        ),
    )
}
"""The arms with a fixed name; ``random_K`` and its variants are made by :meth:`Arm.parse`."""

ArmField = Annotated[
    Arm,
    PlainValidator(Arm.parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(" + "|".join(ARMS) + r"|random_[1-9]\d*(_scattered|_output)?)(@(" + "|".join(STARTS) + "))?$",
            "description": "Which parameters are trained and, after @, from which start.",
        }
    ),
]
"""An :class:`Arm` written by its name in YAML and JSON."""
