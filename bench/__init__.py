"""Benchmarks against peers; `python -m bench` runs them. See bench/README.md."""
