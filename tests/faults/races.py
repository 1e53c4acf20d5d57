"""Two at once, and clocks that go wrong: one result, the same as that of one alone in good time.

Run ``python tests/faults/races.py [--times 50]``.
"""

import time
from pathlib import Path

import kills
import trials


def both(work, folder: Path, chance) -> list[trials.Ended]:
    """Two forks that do the same at nearly the same time."""
    first = trials.begun(lambda: work(folder))
    time.sleep(chance.choice([0, 0, chance.uniform(0, 0.1)]))
    second = trials.begun(lambda: work(folder))
    return [trials.ended(*first), trials.ended(*second)]


def two(work, look) -> trials.Fault:
    """Both end well, with one result."""
    alone = []

    def fault(chance, folder: Path) -> str | None:
        if not alone:
            (folder / "alone").mkdir()
            alone[:] = [kills.seen(folder / "alone", look)]
        (folder / "both").mkdir()
        for one in both(work, folder / "both", chance):
            if one.status:
                return f"exit {one.status}: {one.told[-300:]}"
        found = kills.seen(folder / "both", look)
        return None if found == alone[0] else f"another result, or files: {found[1]}"

    return fault


@trials.slow
def two_commands(chance, folder: Path) -> str | None:
    """One trains; the other is refused, or comes late and finds all done."""
    ended = both(kills.command, folder, chance)
    for one in ended:
        refused = one.status == 1 and "Another program is writing to" in one.told
        if one.status and not (refused and trials.sentence(one.told)):
            return f"exit {one.status}: {one.told[-300:]}"
    if all(one.status for one in ended):
        return "both were refused"
    found = kills.commanded(folder)
    if not _alone:
        (folder / "alone").mkdir()
        kills_alone = trials.forked(lambda: kills.command(folder / "alone"))
        assert kills_alone.status == 0, kills_alone.told
        _alone.append(kills.commanded(folder / "alone"))
    return kills.whole(folder) or (None if found == _alone[0] else "another result")


_alone: list = []


def wrong_clock(chance, folder: Path) -> str | None:
    """Set back, forward, or standing still, at each look at it."""

    def work() -> None:
        clock = [time.time()]

        def look() -> float:
            clock[0] += chance.choice([0, 0, 1e-3, -3600, 1e9, -1e9])
            return clock[0]

        time.time = time.perf_counter = time.monotonic = look
        state = trials.train(folder)
        speeds = state.history["images_per_second"]
        if not all(0 < speed < float("inf") for speed in speeds):
            raise SystemExit(f"speeds {speeds}.")

    ended = trials.forked(work)
    if ended.status:
        return f"exit {ended.status}: {ended.told[-300:]}"
    if not _trained:
        _trained.append(trials.content(trials.train(folder / "alone")))
    return None if trials.content(trials.train(folder)) == _trained[0] else "another result"


_trained: list[str] = []


def trained(folder: Path) -> str:
    return trials.content(trials.train(folder))


FAULTS = {
    "two draw the same faces": two(kills.draw, kills.images(kills.draw)),
    "two convert the same folder": two(kills.convert, kills.images(kills.convert)),
    "two train the same run": two(trials.train, trained),
    "two commands, one folder": two_commands,
    "a clock set back, forward, or standing still": wrong_clock,
}

if __name__ == "__main__":
    trials.main(FAULTS)
