"""A stand-in for the AWS provider: a gRPC server that speaks go-plugin's handshake, as `python provider.py`.

`/tfplugin5.Provider/GetSchema` returns the schema. A method that ends in `/fail` aborts. One that ends in `/wait`
blocks until it is cancelled, then creates the file that its request names. All others return what they get.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc


def serve(address: str, schema: bytes, calls: list[str]) -> grpc.Server:
    """Serve the fake at a gRPC address. calls: receives the method of each call."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            method = details.method
            calls.append(method)

            def answer(requests, context):
                if method.endswith("/GetSchema"):
                    list(requests)
                    yield schema
                elif method.endswith("/fail"):
                    context.set_trailing_metadata((("reason", "why"),))
                    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked")
                elif method.endswith("/wait"):
                    path, cancelled = Path(next(requests).decode()), threading.Event()
                    context.add_callback(path.touch)  # gRPC may not resume this function after a cancellation
                    context.add_callback(cancelled.set)
                    yield b"waiting"
                    cancelled.wait()
                else:
                    yield from requests

            return grpc.stream_stream_rpc_method_handler(answer)

    any_size = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), [Handler()], options=any_size)
    server.add_insecure_port(address)
    server.start()
    return server


def main() -> None:
    """Serve as a plugin, with the schema in the file FAKE_SCHEMA; add the process id to the file FAKE_STARTS."""
    assert os.environ["TF_PLUGIN_MAGIC_COOKIE"]
    with Path(os.environ["FAKE_STARTS"]).open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    socket = f"{os.environ['PLUGIN_UNIX_SOCKET_DIR']}/plugin1"
    server = serve(f"unix:{socket}", Path(os.environ["FAKE_SCHEMA"]).read_bytes(), [])
    sys.stdout.write(os.environ.get("FAKE_HANDSHAKE", f"1|5|unix|{socket}|grpc|\n"))
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
