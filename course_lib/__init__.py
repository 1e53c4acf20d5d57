"""The small library behind the course. To read it, follow a face through it:

`datasets` brings the pictures, `transforms` makes of them what a network sees;
`models` and `likelihoods` are the networks, `objectives` what they minimise, `training` how;
`latents` edits codes and draws new ones, `explorers` moves them by hand, `plots` shows them;
`evaluation` measures, `theory` says what to expect, `lessons` asks first and judges afterwards,
`exercises` answer what you try;
`descendants` and `gan` are what came next.

`files` says where all that lies on disk, `runs` is behind the commands ``train`` and ``score``, and
`authoring` makes copies, slides, a site and grades of the notebooks. Each imports what stands below
it: see tests/test_house.py.
"""
