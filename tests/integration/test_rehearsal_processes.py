"""Processes of a rehearsal: started, watched, stopped, and found again after an interruption."""

import asyncio
import sys
import threading
import time

import pytest

from notifier.domain.errors import NotifierError
from notifier.sandbox.alongside import alongside
from notifier.sandbox.processes import Died, Process, free_port, stop_leftovers, wait_for_port, wait_until_ready
from notifier.sandbox.typist import Typist

SLEEP = "print('here', flush=True); import time; time.sleep(60)"


def start(folder, code):
    return Process(folder, "sleeper", [sys.executable, "-c", code, str(folder)])


def test_a_process_is_stopped_and_its_end_is_seen(tmp_path):
    process = start(tmp_path, SLEEP)
    assert process.is_running()
    assert process.stop() == -15
    with pytest.raises(Died, match="sleeper ended with -15"):
        process.require_running()


def test_a_process_that_dies_early_is_reported_with_the_end_of_its_log(tmp_path):
    process = start(tmp_path, "raise SystemExit('no such port')")
    with pytest.raises(Died, match="no such port"):
        wait_until_ready("http://127.0.0.1:1", process, seconds=20)


def test_a_process_that_never_listens_is_given_up(tmp_path):
    process = start(tmp_path, SLEEP)
    try:
        with pytest.raises(Died, match="did not listen"):
            wait_for_port(free_port(), process, seconds=0.3)
    finally:
        process.kill()


def test_leftovers_are_stopped_and_strangers_left_alone(tmp_path):
    ours = start(tmp_path, SLEEP)
    stranger = Process(tmp_path, "stranger", [sys.executable, "-c", SLEEP])
    try:
        while ours.is_running() and not ours.tail():  # a process that is still being loaded has no command line
            time.sleep(0.01)
        reaper = threading.Timer(0.2, ours._popen.wait)  # reaps it, as init would an orphan
        reaper.start()
        assert stop_leftovers(tmp_path) == 1
        reaper.join(timeout=10)
        assert not ours.is_running()
        assert stranger.is_running()
    finally:
        stranger.kill()


def test_a_folder_without_processes_has_no_leftovers(tmp_path):
    assert stop_leftovers(tmp_path) == 0


async def test_a_command_is_run_in_a_terminal_and_its_lines_are_read():
    said = []
    assert await Typist({}, said.append).run("simulate", "--help") == 0
    assert said[0] == "$ notifier simulate --help"
    assert any("Post a live stream" in line for line in said)


async def test_the_error_of_work_beside_a_block_ends_the_block():
    async def fail():
        raise NotifierError("the receiver died")

    with pytest.raises(NotifierError, match="the receiver died"):
        async with alongside(fail()):
            await asyncio.sleep(10)


async def test_the_end_of_a_block_ends_the_work_beside_it():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()

    async with alongside(work()):
        await asyncio.sleep(0)
    assert ended.is_set()
