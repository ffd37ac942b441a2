"""Benchmarks: how fast the kernels, the protocols and the shipped scenarios are, and beside whom."""
