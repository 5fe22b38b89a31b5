"""The window on Holdfast: an assessment as pages in a browser."""
