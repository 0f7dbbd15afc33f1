"""Compiled templates, kept where Python keeps the bytecode of modules; compiling takes longer than all else here.

They are only a cache: used where template, Jinja, Python and the settings are those that they were compiled with and
their checksum is right, else made anew. Where Python writes no bytecode, nothing is written here either.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from bnrepro.errors import StoreError
from bnrepro.files import sha256_of, write_atomically


class CompiledTemplates(BytecodeCache):
    """The compiled templates of one environment.

    Its templates must not be folded (``optimized=False``, and a ``finalize`` that takes the context): else they would
    hold results of filters, of which no checksum here knows.
    """

    def __init__(self, *, settings: str) -> None:
        self._settings = settings
        """Whatever tells how the environment is set up."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 - as Jinja calls it
        """Where the compiled template lies; nowhere where the template is no file."""
        return "" if filename is None else str(Path(cache_from_source(filename)).with_suffix(".compiled"))

    def get_source_checksum(self, source: str) -> str:
        """Of all that the compiled template depends on; Python's version is looked at by Jinja itself."""
        return sha256_of(f"{jinja2.__version__}\n{self._settings}\n{source}".encode())

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill in the compiled template, if it is there and sound."""
        with suppress(OSError):
            seal, _, content = Path(bucket.key).read_bytes().partition(b"\n")
            if seal == sha256_of(content).encode():
                bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, where Python would keep a module's bytecode."""
        if sys.dont_write_bytecode or not bucket.key:
            return
        content = bucket.bytecode_to_string()
        # Not being allowed to write beside the package is usual and stops nothing.
        with suppress(StoreError):
            write_atomically(Path(bucket.key), sha256_of(content).encode() + b"\n" + content)
