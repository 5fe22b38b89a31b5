"""Holdfast: which partnerships will hold, which will not, and why."""

__version__ = "0.1.0"
