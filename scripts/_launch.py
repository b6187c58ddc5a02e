"""Every Python script runs in the environment that scripts/run makes, whichever Python starts it. Standard library only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = (ROOT / ".venv", ROOT / ".venv-test")
ENTERED = "LIVE_STREAM_SCRIPT_ENTERED"
"""Set to the repository's directory once a script has been started again, so that it is not started a third time."""


def enter() -> None:
    """Start the script again in the environment, made first if need be; return in there, with the repository importable."""
    if Path(sys.prefix) not in ENVIRONMENTS and os.environ.get(ENTERED) != str(ROOT):
        make = ". scripts/_env.sh && make_environment .venv requirements.lock"
        made = subprocess.run(["bash", "-ec", make], cwd=ROOT, check=False)
        if made.returncode != 0:
            sys.exit(made.returncode)
        python = str(ENVIRONMENTS[0] / "bin" / "python")
        os.environ[ENTERED] = str(ROOT)
        os.execv(python, [python, *sys.argv])  # noqa: S606 - the libraries are in there
    sys.path.insert(0, str(ROOT))
