# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What a program takes from its start to its end."""

import os
import subprocess
import sys


def cpu_of(command, output=subprocess.DEVNULL, must_succeed=True):
    """Seconds of user and system time of all its threads; exact where the kernel is."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                               stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if must_succeed and process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: status {process.returncode}")
    return usage.ru_utime + usage.ru_stime
