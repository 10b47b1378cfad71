"""The thread that has the records: packs them, keeps them in order, and decides when what is sent."""

from __future__ import annotations

import random
import threading
import time
from queue import Empty, SimpleQueue

from . import own_threads
from .answers import Answer, Outcome
from .backlog import Backlog, dropped_note
from .batches import Batch, Keys, pack, slices, unpack
from .buffer import RecordBuffer
from .carrier import Answered, Carrier
from .report import Reporter
from .settings import Settings
from .transport import Transport

# Seconds: between two tries, the first and the longest.
PAUSE_FIRST = 0.1
PAUSE_MOST = 30.0

# With a spool, what waits longer than this, or is more, is on disk.
MEMORY_SECONDS = 0.5
MEMORY_BYTES = 4 << 20

# Seconds of failing after which stderr says so.
AWAY_SECONDS = 60.0


class Waiter:
    """Somebody who waits until what was logged before is sent."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.sent = False
        self.last: int | None = None  # the seq after which it is done
        self.lost = 0  # what was lost before


class Stop:
    """What can be sent until then is sent. `final`: the rest is left to the spool, or lost."""

    def __init__(self, deadline: float, final: bool = True) -> None:
        self.deadline = deadline
        self.final = final


class Sender:
    """run() in a thread of its own, or in that of the caller; never twice at a time."""

    def __init__(self, settings: Settings, buffer: RecordBuffer, reporter: Reporter) -> None:
        self._settings = settings
        self._buffer = buffer
        self._reporter = reporter
        # Reentrant, for signal handlers and __del__: Event and Condition are not.
        self.events: SimpleQueue[object] = SimpleQueue()
        # Held while SQLite is at work, so that no fork happens in the middle.
        self.disk = threading.Lock()
        self._keys = Keys()
        self._carrier = self._make_carrier()
        self._backlog = Backlog(settings.spool, reporter, self._count_lost)
        self._since: float | None = None  # when the first of the buffer came
        self._sent: Batch | None = None  # what the carrier has
        self._sent_at = 0.0
        self._failures = 0
        self._failing_since = 0.0
        self._not_before = 0.0
        self._asked_pause = 0.0  # by Retry-After
        self._waiters: list[Waiter] = []
        self._stop: Stop | None = None
        self._lost = 0
        self.all_sent = True  # at the end

    def _make_carrier(self) -> Carrier:
        settings = self._settings
        return Carrier(lambda: Transport(settings.urls, settings.token, settings.timeout), self.events.put)

    @property
    def pending(self) -> bool:
        """Whether there is something that was packed and is not sent."""
        return bool(self._backlog)

    def wake(self) -> None:
        self.events.put(None)

    def forget(self) -> None:
        """In a child of fork(): what is the parent's stays its."""
        self._carrier.forget()

    def run(self) -> None:
        """Until a Stop is put into `events`."""
        ident = threading.get_ident()
        own_threads.enter(ident)
        try:
            while self._stop is None or not self._is_over(self._stop):
                try:
                    self._round()
                except Exception as e:
                    self._reporter.warn("thread", f"{type(e).__name__}: {e}; going on")
                    # Not in circles, whatever it is.
                    time.sleep(0.05)
            self.all_sent = not self.pending
            if self._stop.final:
                self._finish()
        finally:
            self._stop = None
            own_threads.leave(ident)

    # --- one round ---

    def _round(self) -> None:
        self._hear(self._patience())
        now = time.monotonic()
        self._collect(now)
        with self.disk:
            if self._backlog.spools:
                self._backlog.adopt(now)
                if self._is_to_spool(now):
                    self._backlog.spool()
            self._send(now)
        self._answer_waiters()

    def _patience(self) -> float | None:
        """Seconds until there is something to do without an event."""
        now = time.monotonic()
        times: list[float] = []
        if len(self._buffer):
            times.append((self._since if self._since is not None else now) + self._settings.interval)
        if self._sent is None and self._backlog:
            times.append(self._not_before)
        if self._stop is not None:
            times.append(self._stop.deadline)
        if self._backlog.spools:
            times.append(self._backlog.adopt_at)
            if self._backlog.memory_since is not None:
                times.append(max(self._backlog.memory_since + MEMORY_SECONDS, self._backlog.spool_at, now) + 0.01)
        return max(min(times) - now, 0.0) if times else None

    def _hear(self, patience: float | None) -> None:
        try:
            event = self.events.get(timeout=patience) if patience != 0.0 else self.events.get_nowait()
            while True:
                self._take_event(event)
                event = self.events.get_nowait()
        except Empty:
            pass

    def _take_event(self, event: object) -> None:
        if isinstance(event, Answered):
            # That of before a close() may come late.
            if event.batch is self._sent:
                self._sent = None
                with self.disk:
                    self._take_answer(event.batch, event.answer)
        elif isinstance(event, Waiter):
            self._take_in()
            event.last = self._backlog.last
            event.lost = self._lost
            self._waiters.append(event)
            self._hurry(PAUSE_FIRST)
        elif isinstance(event, Stop):
            self._stop = event
            self._failures = min(self._failures, 1)
            self._hurry(0.0)

    def _hurry(self, pause: float) -> None:
        """Somebody waits: the next try is soon, unless the server said when."""
        if self._failures:
            self._failures = min(self._failures, 3)
            self._not_before = min(self._not_before, time.monotonic() + max(self._asked_pause, pause))

    def _collect(self, now: float) -> None:
        if not len(self._buffer):
            self._since = None
            return
        if self._since is None:
            self._since = now
        if self._stop is not None or now - self._since >= self._settings.interval or self._buffer.is_complete():
            self._take_in()

    def _take_in(self) -> None:
        """Packs what the buffer has."""
        dropped, texts = self._buffer.take()
        self._since = None
        with self.disk:
            if dropped:
                self._lost += dropped
                self._backlog.put(self._keys.next(), 1, pack([dropped_note(dropped)]), dropped)
            for part in slices(texts, self._settings.batch):
                self._backlog.put(self._keys.next(), len(part), pack(part))

    def _is_to_spool(self, now: float) -> bool:
        backlog = self._backlog
        since = backlog.memory_since
        return since is not None and (
            self._failures > 0 or backlog.on_disk or backlog.memory_bytes > MEMORY_BYTES or now - since > MEMORY_SECONDS
        )

    def _send(self, now: float) -> None:
        if self._sent is not None or now < self._not_before or not self._backlog:
            return
        batch = self._backlog.head()
        if batch is None:
            if self._backlog:
                # On a disk that can't be read now.
                self._not_before = now + 1.0
            return
        self._sent = batch
        self._sent_at = now
        self._carrier.send(batch, None if self._stop is None else max(self._stop.deadline - now, 0.01))

    def _answer_waiters(self) -> None:
        for waiter in list(self._waiters):
            if not self._backlog or (waiter.last is not None and self._backlog.done >= waiter.last):
                waiter.sent = self._lost == waiter.lost
                waiter.done.set()
                self._waiters.remove(waiter)

    # --- answers ---

    def _take_answer(self, batch: Batch, answer: Answer) -> None:
        self._not_before = 0.0
        if self._backlog.head() is not batch:
            # Its file could not be read any more, and was set aside.
            return
        if answer.outcome is Outcome.TAKEN:
            self._backlog.remove()
        elif answer.outcome in (Outcome.BAD, Outcome.TOO_LARGE):
            self._take_apart(batch, answer)
        else:
            self._pause(answer)
            return
        self._failures = 0
        self._asked_pause = 0.0

    def _take_apart(self, batch: Batch, answer: Answer) -> None:
        """Leaves out the record that is named, or halves the batch until it is one."""
        texts = unpack(batch.body)
        if len(texts) == 1:
            self._leave_out(texts[0], answer)
            self._backlog.remove()
            return
        named = answer.record if answer.outcome is Outcome.BAD else None
        if named is not None and named < len(texts):
            parts = [texts[:named] + texts[named + 1 :]]
        else:
            parts = [texts[: len(texts) // 2], texts[len(texts) // 2 :]]
        if not self._backlog.split(parts):
            # It is sent again, and refused again.
            self._pause(Answer(Outcome.LATER, "the spool can't be written"))
        elif named is not None and len(parts) == 1:
            self._leave_out(texts[named], answer)

    def _leave_out(self, text: str, answer: Answer) -> None:
        self._lost += 1
        shown = text if len(text) <= 1000 else text[:1000] + "..."
        self._reporter.say(f"a record was refused, and is left out: {answer.text}\n{shown}")

    def _pause(self, answer: Answer) -> None:
        now = time.monotonic()
        if self._failures == 0:
            self._failing_since = now
        self._failures += 1
        pause = min(PAUSE_FIRST * 2.0 ** min(self._failures - 1, 20), PAUSE_MOST) * random.uniform(0.5, 1.0)
        self._asked_pause = answer.retry_after
        self._not_before = now + max(pause, answer.retry_after)
        if answer.outcome is Outcome.REFUSED:
            self._reporter.warn("refused", f"{answer.text}; records are kept, and sent again")
        elif now - self._failing_since > AWAY_SECONDS:
            self._reporter.warn("away", f"{answer.text}; records are kept, and sent again")

    def _count_lost(self, records: int) -> None:
        self._lost += records

    # --- the end ---

    def _is_over(self, stop: Stop) -> bool:
        now = time.monotonic()
        if now >= stop.deadline:
            return True
        if len(self._buffer) or not self.events.empty():
            return False
        return not self._backlog or (self._sent is None and self._not_before >= stop.deadline)

    def _finish(self) -> None:
        self._take_in()
        with self.disk:
            self.all_sent = not self._backlog
            lost = self._backlog.close()
        if lost:
            self._lost += lost
            count = f"{lost:,} records" if lost != 1 else "a record"
            self._reporter.say(f"{count} could not be sent, and {'are' if lost != 1 else 'is'} lost")
        for waiter in self._waiters:
            waiter.sent = self.all_sent
            waiter.done.set()
        self._waiters.clear()
        self._carrier.close()
        # For what comes after it.
        self._carrier = self._make_carrier()
        self._sent = None
        self._failures = 0
        self._not_before = self._asked_pause = 0.0
