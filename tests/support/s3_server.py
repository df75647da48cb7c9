"""A real S3 API server on loopback, behind a proxy that can be away, and what is in it."""

import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.faults import wait_for

_PIECE = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # of SO_LINGER: what is closed is cut
_SETTING_UP = 4  # requests that the server takes from anybody


class Proxy:
    """Hands bytes on to a port; while it is away nobody listens, or everybody is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._cuts_left = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                if self._cuts_left:
                    self._cuts_left -= 1
                    here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open |= {here, there}
                for pair in (here, there), (there, here):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                target.sendall(data)
        for each in source, target:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self._open.discard(each)

    def leave(self) -> None:
        """Cut all connections, and listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()

    def cut(self, times: int) -> None:
        """Cut all connections, and the next ones as they come, so many of them."""
        self._cuts_left = times
        self._cut_all()

    def is_through(self) -> bool:
        """Tell whether all those were cut."""
        return not self._cuts_left

    def _cut_all(self) -> None:
        for each in [*self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Listen again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()


class Server:
    """An S3 server with a bucket, and what a client needs in its environment."""

    def __init__(self, port: int) -> None:
        import boto3

        self._here = f"http://127.0.0.1:{port}"
        self.proxy = Proxy(port)
        anybody = {
            "endpoint_url": self._here, "region_name": "us-east-1",
            "aws_access_key_id": "a", "aws_secret_access_key": "b",
        }  # fmt: skip
        iam: Any = boto3.client("iam", **anybody)
        iam.create_user(UserName="tests")
        key = iam.create_access_key(UserName="tests")["AccessKey"]
        policy = (
            '{"Version": "2012-10-17", "Statement":'
            ' {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
        )
        iam.put_user_policy(UserName="tests", PolicyName="all", PolicyDocument=policy)
        boto3.client("s3", **anybody).create_bucket(Bucket="sets")
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        right = anybody | {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self.client: Any = boto3.client("s3", **right)

    def names(self, prefix: str) -> list[str]:
        """Return the names of all objects below a prefix, relative to it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket="sets", Prefix=f"{prefix}/"
        )
        found = (each["Key"] for page in pages for each in page.get("Contents", ()))
        return [name[len(prefix) + 1 :] for name in found]

    def read(self, name: str) -> bytes:
        return bytes(self.client.get_object(Bucket="sets", Key=name)["Body"].read())

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket="sets", Key=name, Body=data)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="sets", Key=name)

    def uploads(self) -> list[Any]:
        """Return the uploads that were begun and not ended."""
        return list(self.client.list_multipart_uploads(Bucket="sets").get("Uploads", ()))

    def digest(self, prefix: str) -> str:
        """Return the digest of all objects below a prefix, as of a directory's files."""
        digest = hashlib.sha256()
        # In the order in which a directory's paths are sorted.
        for name in sorted(self.names(prefix), key=Path):
            digest.update(f"{name}\0".encode())
            digest.update(hashlib.sha256(self.read(f"{prefix}/{name}")).digest())
        return digest.hexdigest()

    def torn(self, prefix: str, whole: Path) -> list[str]:
        """Return the objects that are not the files of a set, but for those of the work at hand."""
        return [
            name
            for name in self.names(prefix)
            if not name.startswith(".pixelgen.")
            and self.read(f"{prefix}/{name}") != (whole / name).read_bytes()
        ]


@contextmanager
def s3_server(folder: Path) -> Iterator[Server]:
    """Start a server, which is ended at the end."""
    moto = str(Path(sys.executable).with_name("moto_server"))
    settings = {"INITIAL_NO_AUTH_ACTION_COUNT": str(_SETTING_UP)}
    path = folder / "server.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [moto, "-H", "127.0.0.1", "-p", "0"], stdout=log, stderr=log, env=os.environ | settings
        )
    try:
        assert wait_for(lambda: bool(_ports(path)), 120), path.read_text()
        yield Server(_ports(path)[0])
    finally:
        process.kill()
        process.wait(60)


def _ports(log: Path) -> list[int]:
    """Return the port on which a server says that it listens."""
    return [
        int(port) for port in re.findall(r"Running on http://127\.0\.0\.1:(\d+)\s", log.read_text())
    ]
