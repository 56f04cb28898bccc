"""Offline converter of Likeness: weights of other frameworks in, one safetensors model file out."""

__version__ = "0.1.0"
