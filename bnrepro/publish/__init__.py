"""Verdicts to documents: everything that a report says, gathered once and written as JSON.

document.py    one claim's document
runs.py        its runs, and their means
sources.py     the data, the recipes and the paper's numbers beside them
notes.py       what a reader should know of how it came about
provenance.py  what judged it
"""

from bnrepro.publish.document import document_for, write_document
from bnrepro.publish.provenance import git_commit

__all__ = ["document_for", "git_commit", "write_document"]
