"""What each verb of the command line does; a module is imported when one of its verbs is called.

A verb takes the parsed arguments and returns an exit code. Verbs print through :mod:`bnrepro.terminal`.
"""

from __future__ import annotations

EXIT_OK, EXIT_REFUTED, EXIT_FAILURE, EXIT_OPEN = 0, 1, 3, 4
"""All held; one refuted or contradicted; failure of the environment or of ours; something open. 2 and 5 come with their
errors (:mod:`bnrepro.errors`)."""
FULLY_SHOWN = 3
"""Claims that are told in full on the terminal; of more, one line each."""
