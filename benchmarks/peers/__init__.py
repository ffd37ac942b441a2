"""The same jobs on other systems of secure computation, in the same session as ours.

Run as ``python -m benchmarks.peers``. Every peer is installed from PyPI into an environment of its own;
`workers/` holds one script a system, which its own interpreter runs.
"""
