"""A gRPC server between Terraform and the AWS provider that shows Terraform only some types of the schema.

Nearly all the time of a Terraform command is the schema of the provider's 1,500 types (hashicorp/terraform#32744). All
other calls pass through as bytes. Source of the calls: hashicorp/go-plugin, and hashicorp/terraform's
docs/plugin-protocol/tfplugin5.proto.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent import futures
from typing import Any

import grpc

from tfdriver.terraform.provider_schema import NotASchemaError, SchemaCache, has_diagnostics, only_types

_SCHEMA = "/tfplugin5.Provider/GetSchema"
_SHUTDOWN = "/plugin.GRPCController/Shutdown"
_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# Terraform makes at most 10 calls at a time, besides two streams of go-plugin that stay open.
_THREADS = 64


class ProviderProxy:
    """Serves one provider. types: those to show, a new value for each Terraform command."""

    def __init__(self, provider: str, socket: str, cache: SchemaCache) -> None:
        """Start to serve. provider, socket: gRPC addresses, e.g. `unix:/run/a.sock`."""
        self.types: Collection[str] = ()
        self._channel = grpc.insecure_channel(provider, _ANY_SIZE)
        self._cache = cache
        self._shown: dict[frozenset[str], bytes] = {}
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(_THREADS), [_EveryCall(self._answer)], options=_ANY_SIZE)
        self._server.add_insecure_port(socket)
        self._server.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.stop(None)
        self._channel.close()

    def _answer(self, method: str, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        if method == _SHUTDOWN:  # the provider serves the next command, too
            yield b""
        elif method == _SCHEMA:
            yield self._schema(requests, context)
        else:
            yield from self._pass_on(method, requests, context)

    def _pass_on(self, method: str, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        """Yield the provider's responses. On the wire, a single response does not differ from a stream of one."""
        call = self._channel.stream_stream(method)(requests)
        context.add_callback(call.cancel)
        try:
            yield from call
        except grpc.RpcError:
            context.set_trailing_metadata(call.trailing_metadata() or ())
            context.abort(call.code(), call.details())

    def _schema(self, requests: Iterator[bytes], context: Any) -> bytes:
        """Return the schema of the types to show. Each Terraform command asks for it once or twice."""
        types = frozenset(self.types)
        with self._lock:
            if types not in self._shown:
                cached = self._cache.load()
                schema = b"".join(self._pass_on(_SCHEMA, requests, context)) if cached is None else cached
                try:
                    if has_diagnostics(schema):
                        return schema
                    self._shown[types] = only_types(schema, types)
                except NotASchemaError:
                    return schema
                if cached is None:
                    self._cache.save(schema)
            return self._shown[types]


class _EveryCall(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Handles the calls of all methods, known or not."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call."""
        method = handler_call_details.method
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: self._answer(method, requests, context))
