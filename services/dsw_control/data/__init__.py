"""Datasets: what is registered, where it lies, and how it gets into instances."""
