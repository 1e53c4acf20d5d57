"""A small library for a course on autoencoders and variational autoencoders."""
