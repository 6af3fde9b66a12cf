import os
import time

import pytest

from od.errors import OdError
from od.prepare.workers import Workers


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_arguments(count):
    with Workers(count) as workers:
        assert list(workers.map(str, range(200))) == list(map(str, range(200)))
        assert list(workers.map(abs, [])) == []
        assert list(workers.map(abs, [-1])) == [1]


def test_large_tasks_and_large_results_at_once_do_not_lock_up():
    with Workers(2) as workers:
        tasks = [bytes(3_000_000)] * 12
        assert list(workers.map(bytes.upper, tasks)) == tasks


def test_only_a_few_arguments_are_taken_ahead():
    taken = 0

    def arguments():
        nonlocal taken
        for i in range(1000):
            taken = i + 1
            yield i

    with Workers(2) as workers:
        results = workers.map(str, arguments())
        for done in range(50):
            next(results)
            assert taken - done <= 10


def test_a_worker_that_ends_is_told_at_once():
    with Workers(2) as workers, pytest.raises(OdError, match="ended with status 3") as error:
        list(workers.map(os._exit, [3]))
    assert "--workers 1" in (error.value.hint or "")


def test_a_killed_worker_is_told_by_its_signal():
    with Workers(2) as workers:
        results = workers.map(time.sleep, [0, 60, 60, 60])
        next(results)
        workers._workers[0].process.kill()
        with pytest.raises(OdError, match="was killed by signal 9; nothing was written"):
            list(results)


def test_a_bug_in_a_worker_keeps_its_traceback():
    with Workers(2) as workers, pytest.raises(RuntimeError, match="ValueError: invalid literal"):
        list(workers.map(int, ["x"]))


def test_no_process_is_left_behind():
    with Workers(2) as workers:
        next(workers.map(abs, [1]))
        processes = [worker.process for worker in workers._workers]
    assert all(process.poll() is not None for process in processes)
