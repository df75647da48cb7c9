"""The calls of Hugging Face datasets and webdataset, which take paths as patterns.

``load_dataset`` resolves its folder and its files with the glob of fsspec, and ``WebDataset``
expands braces and splits at ``::``. A directory whose name has such characters is escaped, or its
files are listed.
"""

import glob
from urllib.parse import urlsplit

_BRACES = ("{", "}", "\\", "::")  # https://github.com/trendels/braceexpand, and WebDataset's lists


def load_image_folder(root: str, split: str) -> str:
    """Return the call that loads the images of a split ('': all) from one folder of all images.

    Hugging Face datasets calls such a folder "train", whatever the splits of its images.
    """
    call = f'datasets.load_dataset("imagefolder", data_dir={glob.escape(root)!r}, split="train")'
    return keep_split(call, split)


def keep_split(call: str, split: str) -> str:
    """Return a call whose table keeps the rows of a split ('': all)."""
    return f'{call}.filter(lambda row: row["split"] == {split!r})' if split else call


def load_shards(builder: str, root: str, pattern: str, split: str) -> str:
    """Return the call that loads the files of a split, which match a pattern, by their builder."""
    files = {split: f"{glob.escape(root)}/{pattern}"}
    return f'datasets.load_dataset("{builder}", data_files={files}, split={split!r})'


def is_pattern(root: str) -> bool:
    """Return whether a glob would take a path for a pattern."""
    return glob.escape(root) != root


def glob_files(root: str, pattern: str) -> str:
    """Return the expression that lists the files of a directory that match a pattern."""
    return f"sorted(glob.glob({f'{glob.escape(root)}/{pattern}'!r}))"


def archives(root: str, files: str, pattern: str) -> str:
    """Return the expression for tar files that WebDataset reads: names with a range in braces.

    If it would take the directory for something else, they are found by their pattern. It opens
    the path of a URL, so a name with a question mark must come through a pipe.
    """
    if urlsplit(root).path != root:
        return f"['pipe:cat ' + shlex.quote(p) for p in {glob_files(root, pattern)}]"
    if any(each in root for each in _BRACES):
        return glob_files(root, pattern)
    return repr(f"{root}/{files}")
