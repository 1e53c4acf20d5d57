"""The benchmarks' code runs: what they measure takes long, and needs a machine of its own."""

import re
import runpy
from inspect import unwrap
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """The names of a script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return lambda name: runpy.run_path(str(BENCHMARKS / f"{name}.py"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an NVIDIA card")
def test_without_a_card_there_is_one_line_and_no_error(benchmark, capsys):
    benchmark("gpu")["main"]()
    assert capsys.readouterr().out == "No NVIDIA card was found, so there is nothing to measure.\n"


def test_the_cards_table_and_where_the_time_goes(benchmark, capsys):
    gpu = benchmark("gpu")
    uncompiled = {name: (build, unwrap(loss)) for name, (build, loss) in gpu["NETWORKS"].items()}
    gpu["NETWORKS"].update(uncompiled)  # it takes half a minute, and a compiler for C++
    gpu["table"]("cpu", (3, 8, 8), batches=(2,), steps=2, sides=(8,))
    gpu["where"]("cpu", (3, 8, 8), batch=3, steps=1, rows=3)
    told = capsys.readouterr().out
    assert re.match(r"Matrix products: fp32 \S+ TFLOP/s, tf32 \S+ TFLOP/s, bf16 ", told)
    row = r"^\| (.+) \| 2 \|(?: [\d,]+ \(\d+\.\d\d\) \|){3}$"
    assert re.findall(row, told, re.MULTILINE) == list(gpu["NETWORKS"])
    assert len(re.findall(r"^\| `.+` \| 0\.\d{3} \|$", told, re.MULTILINE)) == 6


def test_a_step_of_the_homeworks_network_is_five_products(benchmark):
    """Two forward, two for the weights, and one for the code: pictures need no gradient."""
    gpu = benchmark("gpu")
    build, objective = gpu["NETWORKS"]["autoencoder"]
    assert gpu["operations"](build, objective, (3, 16, 16)) == 5 * 2 * 768 * 1024


def test_scale_draws_from_one_file_and_from_many(benchmark, tmp_path, monkeypatch):
    scale = benchmark("scale")
    scale["write"](tmp_path, 130)
    assert len(list((tmp_path / "parts").iterdir())) == len(scale["SHARES"])
    for name in ("BATCHES", "TRAINED"):
        monkeypatch.setitem(scale["measure"].__globals__, name, 5)
    for name in ("whole", "parts"):
        found = scale["measure"](tmp_path / name)
        assert found.keys() == {"own", "peak", "us", "trained"}
        assert min(found["trained"], found["us"]) > 0
