# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What the harness asks about each run of sockline: is a system call denied to it, are its records valid?"""

import collections
import json
import os
import re
import subprocess
import sys
import threading

VALIDATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers/validate")


class Denied:
    """System calls that a seccomp filter denied, as the kernel's log has them."""

    def __init__(self):
        self.calls = collections.defaultdict(set)  # by pid
        try:
            self.log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.log, 0, os.SEEK_END)
        except OSError:
            self.log = None

    def of(self, pid):
        while self.log is not None:
            try:
                found = re.search(rb"type=1326 .* pid=(\d+) .* syscall=(\d+) ", os.read(self.log, 8192))
            except BrokenPipeError:  # some were overwritten
                continue
            except OSError:
                break
            if found:
                self.calls[int(found[1])].add(int(found[2]))
        return sorted(self.calls[pid])


class Validator:
    """tests/helpers/validate, one for all records of a test: to start takes it a second."""

    def __init__(self, options):
        self._argv = [sys.executable, VALIDATE, "--serve", *options]
        self._lock = threading.Lock()
        self._popen = None

    def start(self):
        """Early, while others wait."""
        with self._lock:
            if not self._popen:
                # It ends with its stdin.
                self._popen = subprocess.Popen(self._argv, text=True, stdin=subprocess.PIPE,
                                               stdout=subprocess.PIPE)

    def complaint_of(self, file, partial):
        """Why the records in the file are not valid; None if they are."""
        self.start()
        with self._lock:
            self._popen.stdin.write(json.dumps({"file": file, "partial": partial}) + "\n")
            self._popen.stdin.flush()
            answer = self._popen.stdout.readline()
            return json.loads(answer) if answer else f"{VALIDATE} has ended"
