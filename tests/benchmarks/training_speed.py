"""How fast is `training.fit`, on the homework's model and transform?

    python tests/benchmarks/training_speed.py

Every contestant does the same work: the homework's network, 2,560 training and 256 validation
pictures, batches of 128, Adam, squared error, a progress bar. An epoch is timed from outside, its
validation included; the first is left out as warm-up. "limit" is the matrix products of such an
epoch and nothing else, five for a training batch and two for a validation batch, on PyTorch as it
comes; "limit_kept" is the same with freed memory kept between steps, as `fit` keeps it (where the
C library refuses, the first line says so, and the two are the same). Each
contestant runs in a process of its own, in turn, for several rounds; the table gives medians and
ratios within a round, because the speed of a shared machine drifts.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

TRAIN, VALIDATION, BATCH, EPOCHS, ROUNDS = 2560, 256, 128, 4, 3


def pictures():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (TRAIN + VALIDATION, 3, 64, 64), dtype=torch.uint8)
    return images[:TRAIN], images[TRAIN:]


def network():
    encoder = nn.Sequential(nn.Linear(12288, 1024), nn.ReLU())
    return encoder, nn.Sequential(nn.Linear(1024, 12288), nn.Tanh())


def limit_kept(clock):
    """The matrix products alone, their memory kept between steps as `fit` keeps it."""
    from course_lib.training.runtime import keep_freed_memory

    keep_freed_memory()
    limit(clock)


def limit(clock):
    """The matrix products alone."""
    x, code = torch.rand(BATCH, 12288), torch.rand(BATCH, 1024)
    down, up = torch.rand(1024, 12288), torch.rand(12288, 1024)
    for _ in range(EPOCHS):
        for _ in range(TRAIN // BATCH):
            x @ down.T, code @ up.T, x.T @ code, x @ up, code.T @ x
        for _ in range(VALIDATION // BATCH):
            x @ down.T, code @ up.T
        clock()


def ours(clock):
    from course_lib.models import FullyConnectedAutoencoder
    from course_lib.objectives import squared_error
    from course_lib.training import fit
    from course_lib.transforms import face_transform

    data = SimpleNamespace(**dict(zip(("train", "validation"), pictures(), strict=True)))
    settings = {"epochs": EPOCHS, "transform": face_transform(), "on_epoch": lambda _: clock()}
    fit(FullyConnectedAutoencoder, squared_error, data, **settings)


def homework(clock):
    """As one would write it: a Dataset that transforms one picture at a time, and a DataLoader."""
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms
    from torchvision.transforms import functional
    from tqdm.auto import tqdm

    class Faces(Dataset):
        def __init__(self, images):
            self.images = images.permute(0, 2, 3, 1).numpy()  # (N, 64, 64, 3), as in the file
            self.transform = transforms.Compose(
                [
                    lambda x: torch.from_numpy(x).permute(2, 0, 1).float(),
                    lambda x: functional.crop(x, top=10, left=0, height=28, width=64),
                    transforms.Resize((64, 64)),
                    lambda x: 2 * x / 255 - 1,
                ]
            )

        def __len__(self):
            return len(self.images)

        def __getitem__(self, i):
            return self.transform(self.images[i])

    train, validation = (
        DataLoader(Faces(images), batch_size=BATCH, shuffle=True) for images in pictures()
    )
    encoder, decoder = network()
    model = nn.Sequential(nn.Flatten(), encoder, decoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for x in tqdm(train):
            optimizer.zero_grad()
            F.mse_loss(model(x), x.flatten(1)).backward()
            optimizer.step()
        with torch.no_grad():
            statistics.mean(F.mse_loss(model(x), x.flatten(1)).item() for x in validation)
        clock()


def lightning(clock):
    """Lightning's Trainer, its pictures transformed once, before the clock runs."""
    import lightning as L
    from torch.utils.data import DataLoader, TensorDataset

    from course_lib.transforms import face_transform

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = network()

        def training_step(self, batch):
            return self.step(batch, "train")

        def validation_step(self, batch):
            return self.step(batch, "validation")

        def step(self, batch, name):
            x = batch[0].flatten(1)
            loss = F.mse_loss(self.decoder(self.encoder(x)), x)
            self.log(name, loss, prog_bar=True)
            return loss

        def on_train_epoch_end(self):
            clock()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    train, validation = (
        DataLoader(TensorDataset(face_transform()(images)), batch_size=BATCH, shuffle=shuffle)
        for images, shuffle in zip(pictures(), (True, False), strict=True)
    )
    trainer = L.Trainer(max_epochs=EPOCHS, accelerator="cpu", logger=False,
                        enable_checkpointing=False, num_sanity_val_steps=0)  # fmt: skip
    trainer.fit(Module(), train, validation)


def pythae(clock):
    """pythae's BaseTrainer, its pictures transformed once, before the clock runs."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import ProgressBarCallback, TrainingCallback

    from course_lib.transforms import face_transform

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = network()[0]

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x.flatten(1)))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = network()[1]

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z).unflatten(1, (3, 64, 64)))

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config, **kwargs):
            clock()

    train, validation = (
        BaseDataset(face_transform()(images), torch.zeros(len(images))) for images in pictures()
    )
    model = AE(AEConfig(input_dim=(3, 64, 64), latent_dim=1024), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(output_dir=folder, num_epochs=EPOCHS, learning_rate=1e-3,
                                   per_device_train_batch_size=BATCH,
                                   per_device_eval_batch_size=BATCH)  # fmt: skip
        trainer = BaseTrainer(model, train, validation, config, [ProgressBarCallback(), Clock()])
        trainer.prepare_training()
        trainer.train()


CONTESTANTS = {f.__name__: f for f in (limit, limit_kept, ours, lightning, pythae, homework)}


def run(name: str) -> None:
    """Run one contestant and print its rate, in training pictures per second."""
    ticks = []
    CONTESTANTS[name](lambda: ticks.append(time.perf_counter()))
    epochs = [b - a for a, b in itertools.pairwise(ticks)]
    print("\n" + json.dumps(TRAIN / statistics.median(epochs)))


def main() -> None:
    from course_lib.training.runtime import keep_freed_memory

    if not keep_freed_memory():  # what it changes here does not reach the contestants' processes
        print("This C library keeps no freed memory: limit_kept is limit, and ours runs without.")
    rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(1, ROUNDS + 1):
        for name in CONTESTANTS:
            child = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True)
            if child.returncode:
                sys.exit(f"{name} failed:\n{child.stderr}")
            rates[name].append(json.loads(child.stdout.splitlines()[-1]))
            print(f"round {number}: {name:<10} {rates[name][-1]:6.0f} images/s", flush=True)
    print("\n| contestant | images/s (median) | of the limit | ours is faster by |")
    print("| --- | --- | --- | --- |")
    for name, own in rates.items():
        share = statistics.median(a / b for a, b in zip(own, rates["limit"], strict=True))
        ahead = statistics.median(a / b for a, b in zip(rates["ours"], own, strict=True))
        print(f"| {name} | {statistics.median(own):.0f} | {share:.2f} | {ahead:.2f}× |")


if __name__ == "__main__":
    run(sys.argv[1]) if len(sys.argv) > 1 else main()
