"""All faults, one table: ``python tests/faults/run.py [--times 50] [--only WORDS]``."""

import disk
import fuzz
import kills
import races
import trials

if __name__ == "__main__":
    trials.main(kills.FAULTS | disk.FAULTS | races.FAULTS | fuzz.FAULTS)
