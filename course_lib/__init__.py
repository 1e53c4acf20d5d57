"""The small library behind the course. What a student says is a file of its own; read them so:

`transforms`, `models`, `likelihoods`, `objectives` and `training` make a model;
`latents`, `theory`, `evaluation`, `plots` and `explorers` are for looking at it;
`descendants` and `gan` came after; `datasets` brings the pictures, `lessons` asks and answers.
`files` and `runs` (``python -m course_lib``) are used by all that, `authoring` by its authors only.
"""
