# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What the report shows, added up from records of sockline, one after the other and in bounded memory."""

import calendar
import re

BINS_MAX = 240
PROGRAMS_MAX = 6  # of which the chart has a line
ROWS_MAX = 100000  # of a sum; what comes then is "others"
OTHERS = "others"
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z")


def seconds_of(text):
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no time of sockline")
    return calendar.timegm(tuple(map(int, found.groups()[:6]))) + float(found[7] or 0)


def get(record, path, default=None):
    for name in path.split("."):
        if not isinstance(record, dict) or name not in record:
            return default
        record = record[name]
    return record


class Sums(dict):
    """Key -> a list of numbers, of a bounded number of keys."""

    def add(self, key, *numbers):
        if key not in self and len(self) >= ROWS_MAX:
            key = tuple(OTHERS for _ in key)
        sums = self.setdefault(key, [0] * len(numbers))
        for index, number in enumerate(numbers):
            sums[index] += number


class Timeline:
    """Bytes of each program by time: bins that double their width when there are too many."""

    def __init__(self):
        self.start, self.width, self.programs = None, 1, {}

    def _widen(self):
        self.width *= 2
        start = self.start - self.start % self.width
        shift = (self.start - start) * 2 // self.width  # of old bins
        for program, bins in self.programs.items():
            merged = {}
            for number, count in bins.items():
                merged[(number + shift) // 2] = merged.get((number + shift) // 2, 0) + count
            self.programs[program] = merged
        self.start = start

    def _reach(self, first, last):
        """Makes the bins cover the interval."""
        if self.start is None:
            self.start = first - first % self.width
            self.end = self.start + self.width
        self.end = max(self.end, last)
        while (self.end - min(self.start, first)) / self.width >= BINS_MAX - 1:
            self._widen()
        first -= first % self.width
        if first < self.start:
            shift = (self.start - first) // self.width
            self.start = first
            self.programs = {program: {number + shift: count for number, count in bins.items()}
                             for program, bins in self.programs.items()}

    def add(self, program, begin, end, count):
        """The bytes evenly over the interval."""
        self._reach(int(begin), end)
        bins = self.programs.setdefault(program, {})
        low, high = (int((time - self.start) // self.width) for time in (begin, end))
        for number in range(low, high + 1):
            left = self.start + number * self.width
            inside = min(end, left + self.width) - max(begin, left)
            share = count * inside / (end - begin) if end > begin else count
            bins[number] = bins.get(number, 0) + share

    def lines(self):
        """(times, programs, rates): of the greatest programs, and the others together."""
        if self.start is None:
            return [], [], []
        order = sorted(self.programs, key=lambda program: -sum(self.programs[program].values()))
        shown, rest = order[:PROGRAMS_MAX], order[PROGRAMS_MAX:]
        number = max(max(bins, default=0) for bins in self.programs.values()) + 1
        rates = [[self.programs[program].get(index, 0) / self.width for index in range(number)] for program in shown]
        if rest:
            shown = shown + [OTHERS]
            rates.append([sum(self.programs[program].get(index, 0) for program in rest) / self.width
                          for index in range(number)])
        return [self.start + index * self.width for index in range(number)], shown, rates


class Report:
    def __init__(self):
        self.records = self.opened = self.closed = self.failed = self.unreadable = self.lost = 0
        self.first = self.last = None
        self.hosts, self.runs = set(), {}
        self.timeline = Timeline()
        self.talks, self.programs, self.failures = Sums(), Sums(), Sums()
        self.listeners = {}
        self.running = {}  # connection -> (key, time, sent, received) of its last record

    def take(self, record):
        """A record. ValueError and TypeError: it is none of sockline's."""
        time = seconds_of(record["@timestamp"])
        self.records += 1
        self.first = time if self.first is None else min(self.first, time)
        self.last = time if self.last is None else max(self.last, time)
        self.hosts.add(str(get(record, "host.name", "")))
        self._count(str(get(record, "sockline.run", "")), get(record, "event.sequence", 0))
        action = get(record, "event.action", "")
        if action.startswith("connection_"):
            self._connection(record, action, time)
        elif action in ("existing_socket", "listening_started", "listening_stopped"):
            self._listener(record, action)

    def _count(self, run, sequence):
        before = self.runs.get(run)
        if before is not None and sequence > before + 1:
            self.lost += sequence - before - 1
        self.runs[run] = max(sequence, before or 0)

    @staticmethod
    def program_of(record):
        name = get(record, "process.name")
        if name:
            return str(name)
        return f"unknown ({get(record, 'sockline.attribution.reason', get(record, 'sockline.attribution.method', '?'))})"

    def _key(self, record):
        """Program, user, direction, the other end, transport and port of the service."""
        direction = get(record, "network.direction", "unknown")
        if direction == "ingress":
            peer = get(record, "source.ip", "?")
        else:
            peer = get(record, "destination.domain") or get(record, "destination.ip", "?")
        port = get(record, "destination.port", "")
        return (self.program_of(record), str(get(record, "user.name", get(record, "user.id", ""))), str(direction),
                str(peer), str(get(record, "network.transport", "")), str(port))

    def _connection(self, record, action, time):
        identity = (get(record, "sockline.run"), get(record, "sockline.connection.id"))
        key = self._key(record)
        ends = ("destination", "source") if key[2] == "ingress" else ("source", "destination")
        sent, received = (int(get(record, f"{end}.bytes", 0)) for end in ends)
        _, before, old_sent, old_received = self.running.get(
            identity, (None, seconds_of(get(record, "event.start", record["@timestamp"])), 0, 0))
        count = max(sent - old_sent, 0) + max(received - old_received, 0)
        if count:
            self.timeline.add(key[0], min(before, time), time, count)
        if action == "connection_opened":
            self.opened += 1
        if action == "connection_closed":
            self.running.pop(identity, None)
            self.closed += 1
            self._total(key, sent, received, get(record, "event.outcome") == "failure",
                        str(get(record, "event.reason", "")))
        else:
            self.running[identity] = (key, time, sent, received)

    def _total(self, key, sent, received, failed, reason):
        self.talks.add(key, 1, sent, received, int(failed))
        self.programs.add((key[0],), 1, sent, received, int(failed))
        if failed:
            self.failed += 1
            self.failures.add((reason, *key), 1)

    def _listener(self, record, action):
        if get(record, "source.ip") or get(record, "network.direction") != "ingress":
            return
        key = tuple(str(get(record, path, "")) for path in ("network.transport", "destination.ip", "destination.port"))
        if action == "listening_stopped":
            self.listeners.pop(key, None)
        elif key in self.listeners or len(self.listeners) < ROWS_MAX:
            self.listeners[key] = (self.program_of(record), str(get(record, "user.name", get(record, "user.id", ""))))

    def finish(self):
        """Adds what is still open."""
        for key, _, sent, received in self.running.values():
            self._total(key, sent, received, False, "")
