# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: TAP, network namespaces, processes, records.

A test is a function; check() makes the test points. All that a test starts or
makes is ended and removed when it returns, whatever happens.

    from harness import Namespace, check, run

    def test_loopback():
        with Namespace() as host:
            sockline = host.sockline("-i", "lo")
            host.helper("gen", "-c", "5", "127.0.0.1").finish()
            sockline.wait_for("packet", count=5)
            check(sockline.stop() == 0, "ends with status 0")

    run(globals())

Programs come from $SOCKLINE and $top_builddir (set by make; else from build/).
With arguments, only the tests of these names run. slowdown() multiplies bounds of time.
"""

import atexit
import collections
import ctypes
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import tap  # noqa: E402
from run_checks import Denied, Validator  # noqa: E402
from tap import comment, skip  # noqa: E402, F401

TREE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("top_builddir", os.path.join(TREE, "build"))
SOCKLINE = os.environ.get("SOCKLINE", os.path.join(BUILD, "src/sockline"))
HELPERS = os.environ.get("HELPERS", os.path.join(BUILD, "tests/helpers"))
EMITTED = os.path.join(BUILD, "tests/emitted", os.path.basename(sys.argv[0]))  # see test_emitted.py
TIMEOUT = 10  # seconds, for what should take none

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
F_GETPIPE_SZ = 1032

_processes = []  # not yet ended
_commands = []  # of this test: (words, file with what was printed)
_namespaces = []  # not yet removed
_folder = tempfile.mkdtemp(prefix="sockline-test-")


class Failure(Exception):
    """A test cannot go on."""


def check(holds, title, detail=""):
    """A test point; what does not hold is explained by the detail, by what was started and by where
    the records are. Returns holds."""
    if not holds:
        started = [f"started: {' '.join(words)}\n  it printed: {file}" for words, file in _commands]
        detail = "\n".join([str(detail), *started])
    return tap.check(holds, title, detail, depth=2)


def slowdown():
    """How many tasks share a processor now, at least 1: a bound of time is for one that has it alone.
    $SLOWDOWN multiplies it."""
    with open("/proc/loadavg", encoding="ascii") as file:
        fields = file.read().split()
    tasks = max(float(fields[0]), int(fields[3].split("/")[0]))  # of the last minute, of this moment
    return float(os.environ.get("SLOWDOWN", "1")) * max(1, tasks / len(os.sched_getaffinity(0)))


def until(predicate, what, timeout=TIMEOUT, interval=0.01):
    """Waits until predicate() is true and returns its value; Failure after timeout."""
    begun = time.monotonic()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() - begun > timeout * slowdown():
            raise Failure(f"waited {time.monotonic() - begun:.1f} s for {what() if callable(what) else what}")
        time.sleep(interval)


def path(name):
    """The name of a file in a folder that is removed at the end, unless a test point failed."""
    return os.path.join(_folder, name)


def write(name, content):
    """Makes a file there and returns its path."""
    with open(path(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path(name)


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program; both its outputs are read all the time, so that it never waits for us.

    reads=False: but stdout not before reading.set().
    """

    def __init__(self, argv, reads=True, **keywords):
        self.argv = [str(word) for word in argv]
        self.lines = []  # of stdout, as bytes, without LF
        self.raw = open(path(f"stdout.{time.monotonic_ns()}"), "w+b")  # all of stdout
        _commands.append((self.argv, self.raw.name))
        self.errors = b""
        self.ended = None  # when wait() saw it
        self.reading = threading.Event()  # cleared: stdout is not read
        if reads:
            self.reading.set()
        self._changed = threading.Condition()
        self._taken = 0
        keywords.setdefault("stdin", subprocess.PIPE)
        keywords.setdefault("stdout", subprocess.PIPE)
        self.popen = subprocess.Popen(self.argv, stderr=subprocess.PIPE,
                                      preexec_fn=_die_with_parent, **keywords)
        _processes.append(self)
        self._threads = [threading.Thread(target=self._read_errors, daemon=True)]
        if self.popen.stdout:
            self._threads.append(threading.Thread(target=self._read_output, daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def pid(self):
        return self.popen.pid

    @property
    def stderr(self):
        return self.errors.decode("utf-8", "backslashreplace")

    @property
    def output(self):
        """All of stdout so far."""
        self.raw.flush()
        with open(self.raw.name, "rb") as file:
            return file.read()

    def cpu_seconds(self):
        """Used by its first thread so far."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def wait_until_asleep(self, unread=lambda: 0):
        """Waits until it has no work: its first thread sleeps, look after look, as a process that
        only waits for a processor does not."""
        looks = collections.deque(maxlen=30)

        def found():
            with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:
                looks.append((file.read().rpartition(")")[2].split()[0], unread()))
            return looks.count(("S", looks[-1][1])) == looks.maxlen and looks[-1][1] is not None
        until(found, f"{self.argv} to sleep")

    def wait_until_blocked(self):
        """Waits until its stdout is full and it sleeps, as it does when nobody reads."""
        def unread():
            output = self.popen.stdout.fileno()
            count = int.from_bytes(fcntl.ioctl(output, termios.FIONREAD, bytes(4)), sys.byteorder)
            return count if count > fcntl.fcntl(output, F_GETPIPE_SZ) // 2 else None
        self.wait_until_asleep(unread)

    def _read_output(self):
        rest = b""
        while self.reading.wait():
            chunk = os.read(self.popen.stdout.fileno(), 1 << 20)
            self.raw.write(chunk)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if not chunk and rest:
                lines.append(rest)
            with self._changed:
                self.lines += lines
                self._changed.notify_all()
            if not chunk:
                self.raw.flush()
                return

    def _read_errors(self):
        while chunk := os.read(self.popen.stderr.fileno(), 65536):
            self.errors += chunk

    def _wait(self, find, what, timeout):
        """Returns the first true value of find(), which is called when there are new lines."""
        begun = time.monotonic()
        while True:
            ended = self.popen.poll() is not None and \
                not any(thread.is_alive() for thread in self._threads)
            found = find()
            if found:
                return found
            if ended or time.monotonic() - begun > timeout * slowdown():
                raise Failure(f"{' '.join(self.argv)}: no {what}: "
                              + (f"ended with {self.popen.poll()}" if ended else "timeout")
                              + f"; stderr: {self.stderr}")
            with self._changed:
                self._changed.wait(0.05)

    def line(self, timeout=TIMEOUT):
        """The next line of stdout that was not asked for yet, as text."""
        self._wait(lambda: len(self.lines) > self._taken, "line", timeout)
        self._taken += 1
        return self.lines[self._taken - 1].decode()

    def json(self, timeout=TIMEOUT):
        return json.loads(self.line(timeout))

    def send(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def send_signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        """The exit status, negative for a signal. Kills the process after timeout, and fails."""
        begun = time.monotonic()
        try:
            while True:
                try:
                    status = self.popen.wait(timeout)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() - begun < timeout * slowdown():
                        continue
                    self.popen.kill()
                    self.popen.wait()
                    raise Failure(f"{' '.join(self.argv)} did not end in {time.monotonic() - begun:.1f} s; "
                                  f"stderr: {self.stderr}") from None
            self.ended = time.monotonic()
        finally:
            self._close()
        return status

    def finish(self, timeout=TIMEOUT):
        """Closes its stdin and waits. Returns the exit status."""
        if self.popen.stdin:
            self.popen.stdin.close()
        return self.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=TIMEOUT):
        """Sends the signal and waits. Returns the exit status."""
        self.send_signal(number)
        return self.wait(timeout)

    def stop_when_asleep(self):
        """As stop(), when it has done all that was sent to it: what a busy machine keeps it from reading by
        then is counted as unread."""
        self.wait_until_asleep()
        return self.stop()

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self._close()

    def _close(self):
        self.reading.set()
        for thread in self._threads:
            # A child of the process may hold the pipe open for longer.
            thread.join(2)
        if self in _processes:
            _processes.remove(self)


_denied = Denied()
_validator = Validator(["--emitted", EMITTED])


class Sockline(Process):
    """sockline; its lines are records, and all of them are validated at the end."""

    def __init__(self, argv, keep=None, **keywords):
        self.keep = keep  # record -> bool: which to keep, where there are very many
        self.validated = False
        self._records = []
        _validator.start()
        super().__init__(argv, **keywords)

    @property
    def records(self):
        """All so far that are kept. Parsed when asked for, not while packets rush in."""
        with self._changed:
            lines, self.lines = self.lines, []
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # validate will say what is wrong with it
            if self.keep is None or self.keep(record):
                self._records.append(record)
        return self._records

    def find(self, action=None, where=None):
        """The records with this event.action for which where(record) is true."""
        return [record for record in self.records
                if (action is None or record["event"]["action"] == action)
                and (where is None or where(record))]

    def wait_for(self, action=None, where=None, count=1, timeout=TIMEOUT):
        """Waits until there are so many of them; returns the first, or for count > 1 all."""
        def found():
            records = self.find(action, where)
            return len(records) >= count and records
        records = self._wait(found, f"{count} x {action or 'record'}", timeout)
        return records[0] if count == 1 else records

    def wait(self, timeout=TIMEOUT):
        status = super().wait(timeout)
        calls = _denied.of(self.pid)
        if calls:
            check(False, "no system call is denied", f"numbers of this machine: {calls}")
        self.validate()
        return status

    def validate(self, partial=False):
        """Checks each line. partial: as of tests/helpers/validate. Once is enough."""
        if self.validated:
            return
        self.validated = True
        self.raw.flush()
        complaint = _validator.complaint_of(self.raw.name, partial)
        if complaint:
            check(False, "every line is valid", complaint)


class Place:
    """Where programs run: the namespace we are in, see HERE, or one of our own."""

    prefix = ()

    def run(self, *argv, **keywords):
        """Runs to the end and returns its stdout as text; Failure unless it succeeds."""
        keywords.setdefault("timeout", TIMEOUT * slowdown())
        result = subprocess.run([*self.prefix, *(str(word) for word in argv)], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)
        if result.returncode != 0:
            raise Failure(f"{' '.join(map(str, argv))}: status {result.returncode}: {result.stderr}")
        return result.stdout

    def start(self, *argv, **keywords):
        return Process([*self.prefix, *argv], **keywords)

    def helper(self, name, *arguments, **keywords):
        """A program of tests/helpers."""
        return self.start(os.path.join(HELPERS, name), *arguments, **keywords)

    def sockline(self, *arguments, wait=True, via=(), netns="self", program=SOCKLINE,
                 flush=("-l",), **keywords):
        """sockline -l --netns self, started by the words of via where given (such as setpriv).

        The default, all namespaces, would show those of other tests: ask for it by netns=None.
        Waits for run_started, after which no packet is missed; not with wait=False.
        """
        if "-r" not in arguments and netns:
            arguments = ("--netns", netns, *arguments)
        process = Sockline([*self.prefix, *via, program, *flush, *arguments], **keywords)
        if wait:
            process.wait_for("run_started")
        return process


HERE = Place()


class Namespace(Place):
    """A network namespace with lo up. pair() joins two by veth."""

    def __init__(self):
        self.name = f"sockline-{os.getpid()}-{time.monotonic_ns() % 10**9}"
        self.prefix = ("ip", "netns", "exec", self.name)
        self.device = self.address = self.mac = None
        HERE.run("ip", "netns", "add", self.name)
        _namespaces.append(self)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()

    def ip(self, *arguments):
        return HERE.run("ip", "-n", self.name, *arguments)

    def sysctl(self, name, value):
        """name as for sysctl(8): net.ipv6.conf.veth0/7.disable_ipv6 is that of veth0.7."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name.translate(str.maketrans('./', '/.'))}")

    @property
    def inode(self):
        return os.stat(f"/run/netns/{self.name}").st_ino

    def remove(self):
        """Ends our processes inside, then the namespace."""
        for process in [process for process in _processes if self.name in process.argv]:
            process.kill()
        if self in _namespaces:
            _namespaces.remove(self)
            subprocess.run(["ip", "netns", "del", self.name], check=False)

    @staticmethod
    def pair():
        """Two of them, each with a veth called .device, .address (IPv4) and .mac; no IPv6 there,
        so that no packet travels but what a test sends, and ARP. For `with`."""
        return _Pair()


class _Pair:
    def __enter__(self):
        self.both = (Namespace(), Namespace())
        left, right = self.both
        left.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", right.name)
        for number, namespace in enumerate(self.both, 1):
            namespace.device, namespace.address = "veth0", f"10.77.0.{number}"
            namespace.sysctl("net.ipv6.conf.veth0.disable_ipv6", 1)
            namespace.ip("addr", "add", f"{namespace.address}/24", "dev", "veth0")
            namespace.ip("link", "set", "veth0", "up")
        for namespace in self.both:
            link = json.loads(namespace.ip("-j", "link", "show", "veth0"))[0]
            namespace.mac = link["address"]
        return self.both

    def __exit__(self, *exception):
        for namespace in self.both:
            namespace.remove()


def _clean_up():
    for process in list(_processes):
        process.kill()
    for namespace in list(_namespaces):
        namespace.remove()


def _remove_leftovers():
    """Namespaces of earlier runs that were killed."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        match = re.fullmatch(r"sockline-(\d+)-\d+", name)
        if match and not os.path.exists("/proc/" + match[1]):
            subprocess.run(["ip", "netns", "del", name], check=False)


@atexit.register
def _finish():
    _clean_up()
    if tap.counts["failed"] and glob.glob(path("*")):
        comment(f"records are kept in {_folder}")
    else:
        shutil.rmtree(_folder, ignore_errors=True)


def run(names, root=True):
    """Runs the functions called test_* in the order of their definition, and exits."""
    if root and os.geteuid() != 0:
        sys.exit(tap.skip_all("needs root"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("interrupted"))
    # A shell's background has it ignored, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _remove_leftovers()
    subprocess.run(["rm", "-f", EMITTED], check=True)
    for name, function in list(names.items()):
        if not name.startswith("test_") or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        comment(name)
        failed = tap.counts["failed"]
        begun = time.monotonic()
        _commands.clear()
        try:
            function()
        except Exception as error:  # a test that breaks must not hide the others
            detail = str(error) if isinstance(error, Failure) else traceback.format_exc()
            check(False, f"{name} runs to its end", detail)
        _clean_up()
        comment(f"{name} took {time.monotonic() - begun:.1f} s")
        if tap.counts["failed"] == failed:
            for _, file in _commands:
                os.unlink(file)
    sys.exit(tap.done())
