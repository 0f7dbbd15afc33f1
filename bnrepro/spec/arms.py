"""Arms: which parameters are trained, all others staying at their random draw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bnrepro.errors import UnknownName, UsageError

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

    @classmethod
    def parse(cls, name: object) -> Arm:
        """Read the name of an arm, ``random_k`` with any k from 1 up included.

        Raises:
            UnknownName: no arm has this name.
            UsageError: k is 0.
        """
        if isinstance(name, Arm):
            return name
        if not isinstance(name, str):
            raise UsageError(f"an arm is named by text such as batchnorm, not by {name!r}")
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

    def __str__(self) -> str:
        return self.name


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
            "pattern": "^(" + "|".join(ARMS) + r"|random_[1-9]\d*(_scattered|_output)?)$",
            "description": "Which parameters are trained.",
        }
    ),
]
"""An :class:`Arm` written by its name in YAML and JSON."""
