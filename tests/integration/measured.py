"""The mark of a test that holds a time of its own against a promise, or counts what is done within one.

Whoever shares the machine can spoil one measurement. So such a test is run once more when it fails, and the summary names
it (RERUN); what breaks the promise fails twice. No other test is run again.
"""

import pytest

measured = pytest.mark.flaky(reruns=1)
