"""RunSpec to RunKey: what makes two runs the same run.

The key hashes every field declared :attr:`Part.IDENTITY`, defaults included, and nothing else. Package
versions, device model and host are provenance: stored and shown, never hashed.
"""

from __future__ import annotations

from bnrepro.spec.run import Part, RunSpec
from bnrepro.spec.value import digest_of

KEY_DIGITS = 32
"""Hexadecimal digits of a key: 128 bits of SHA-256."""


_RUNTIME = {name for name, field in RunSpec.model_fields.items() if Part.RUNTIME in field.metadata}


def run_key(spec: RunSpec) -> str:
    """The key of a run, the same on every machine."""
    return digest_of(identity_of(spec))[:KEY_DIGITS]


def identity_of(spec: RunSpec) -> dict[str, object]:
    """The identity fields of a run as JSON values."""
    dumped: dict[str, object] = spec.model_dump(mode="json", exclude=_RUNTIME)
    return dumped


def differences(spec: RunSpec, other: RunSpec) -> tuple[str, ...]:
    """Identity fields in which two runs differ, as ``name other → spec``, the recipe's included."""
    ours, theirs = _flat(identity_of(spec)), _flat(identity_of(other))
    return tuple(f"{name} {theirs.get(name)} → {ours.get(name)}" for name in ours if ours[name] != theirs.get(name))


def _flat(identity: dict[str, object]) -> dict[str, object]:
    flat = {name: value for name, value in identity.items() if not isinstance(value, dict)}
    recipe = identity["recipe"]
    assert isinstance(recipe, dict)  # noqa: S101 - a RunSpec's recipe always dumps to a mapping
    return flat | recipe
