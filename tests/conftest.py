"""What all tests share: the real mail programs of tests/peers, as fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from peers.fixtures import certificate, disk, exim, mailbox, opensmtpd, postfix, recorder, run_gateway

__all__ = ["certificate", "disk", "exim", "mailbox", "opensmtpd", "postfix", "recorder", "run_gateway"]
