"""What all tests share: no windows, and examples that are the same in every run."""

import hypothesis
import matplotlib

# By name, not by MPLBACKEND: the notebooks' kernels would inherit that, and show no figures.
matplotlib.use("Agg")

# No time limit per example (machines differ), and no random ones (a failure must come back).
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")
