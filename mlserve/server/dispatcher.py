"""Who answers a request: one of waitress's threads, or waitress's loop itself where that cannot take long."""

import resource
import time
from collections import deque
from threading import get_ident
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from mlserve.server.short import Pace, ShortRequests


class Dispatcher(ThreadedTaskDispatcher):
    """Hands channels with a request to the threads; keeps the short ones for `answer_due`, which the loop calls.

    To hand a request over and its answer back wakes two threads, which then compete for the interpreter: that takes
    longer than a short prediction.
    """

    def __init__(self, short: ShortRequests | None) -> None:
        super().__init__()
        self.loop: int | None = None  # the loop's thread, while it runs
        self._short = short
        self._due: deque[tuple[Any, Pace]] = deque()
        self._answering = False
        self._preempted = 0

    def add_task(self, channel: Any) -> None:
        """Called by the loop for a channel's first request, and by whoever has answered it for the next one."""
        pace = None if self._short is None else self._short.pace_of(channel.requests[0])
        if pace is None:
            super().add_task(channel)
        elif pace.in_loop and self._is_first(channel):
            self._due.append((channel, pace))
        else:
            super().add_task(_Timed(channel, pace))

    def answer_due(self) -> None:
        """In the loop, once a channel's lock is free again: answer what was kept."""
        while self._due:
            channel, pace = self._due.popleft()
            started = time.perf_counter_ns()
            self._answering = True
            try:
                channel.answer()
            except BaseException:  # As waitress's own threads do.
                self.logger.exception("Exception when servicing %r", channel)
                channel.will_close = True
            finally:
                self._answering = False
            clock = time.perf_counter_ns() - started
            if clock <= pace.QUICK or not self._was_preempted():
                pace.told_by_loop(clock)

    def _was_preempted(self) -> bool:
        """Whether the system gave the processor to somebody else since this was last asked.

        Then a long answer says that the machine is busy, and nothing of the model.
        """
        before, self._preempted = self._preempted, resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
        return before != self._preempted

    def _is_first(self, channel: Any) -> bool:
        """Whether the loop has just read it. What a client sends without waiting for answers is for the threads.

        A channel with an unsent answer is too: where that is large, whoever writes more waits for the loop.
        """
        return get_ident() == self.loop and not self._answering and not channel.total_outbufs_len


class _Timed:
    """A task that tells the pace of its model how long it took."""

    def __init__(self, channel: Any, pace: Pace) -> None:
        self._channel, self._pace = channel, pace

    def service(self) -> None:
        clock, processor = time.perf_counter_ns(), time.thread_time_ns()
        try:
            self._channel.service()
        except BaseException:
            self._channel.will_close = True  # Its requests would keep it open for ever.
            self._channel.server.pull_trigger()
            raise
        self._pace.told_by_thread(time.perf_counter_ns() - clock, time.thread_time_ns() - processor)

    def cancel(self) -> None:
        self._channel.cancel()
