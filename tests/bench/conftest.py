"""Keep pytest, which looks for doctests in every module, out of the benchmark."""

collect_ignore_glob = ["*.py", "peers/*.py"]
