"""The proxy between Terraform and the provider, over real sockets."""

from __future__ import annotations

import threading
import time

import grpc
import pytest

from tests.fakes.provider import serve
from tests.unit.terraform.protobuf import entry, field
from tfdriver.terraform.provider_proxy import ProviderProxy
from tfdriver.terraform.provider_schema import SchemaCache

SCHEMA_CALL = "/tfplugin5.Provider/GetSchema"
ROLE, VPC = entry(2, "aws_iam_role", b"role"), entry(2, "aws_vpc", b"vpc")


class Scene:
    """A provider, its proxy and a client."""

    def __init__(self, folder, schema: bytes = ROLE + VPC) -> None:
        self.calls: list[str] = []
        self.provider = serve(f"unix:{folder}/provider", schema, self.calls)
        self.cache = SchemaCache(folder / "cache", "entry")
        self.proxy = ProviderProxy(f"unix:{folder}/provider", f"unix:{folder}/proxy", self.cache)
        self.proxy.types = ["aws_iam_role"]
        self.client = grpc.insecure_channel(f"unix:{folder}/proxy", [("grpc.max_receive_message_length", -1)])

    def call(self, method: str, request: bytes = b"") -> bytes:
        return self.client.unary_unary(method)(request, timeout=20)

    def close(self) -> None:
        self.client.close()
        self.proxy.close()
        self.provider.stop(None)


@pytest.fixture
def scene(short_tmp):
    scene = Scene(short_tmp)
    yield scene
    scene.close()


def test_only_the_types_of_a_composition_are_shown(scene):
    assert scene.call(SCHEMA_CALL) == ROLE

    scene.proxy.types = ["aws_vpc"]

    assert scene.call(SCHEMA_CALL) == VPC
    assert scene.calls == [SCHEMA_CALL]  # the second answer is from the cache
    assert scene.cache.load() == ROLE + VPC


def test_the_schema_of_the_same_types_is_made_once(scene, short_tmp):
    assert scene.call(SCHEMA_CALL) == ROLE
    (short_tmp / "cache/entry").unlink()

    scene.proxy.types = ["aws_iam_role"]

    assert scene.call(SCHEMA_CALL) == ROLE
    assert scene.calls == [SCHEMA_CALL]


@pytest.mark.parametrize("schema", [field(4, b"a diagnostic") + VPC, b"\xff not protobuf"])
def test_a_schema_that_is_not_as_expected_is_passed_on_and_not_cached(short_tmp, schema):
    scene = Scene(short_tmp, schema)

    assert scene.call(SCHEMA_CALL) == schema

    assert scene.cache.load() is None
    scene.close()


@pytest.mark.parametrize("method", ["/tfplugin5.Provider/PlanResourceChange", "/tfplugin9.Unknown/Call"])
def test_other_calls_pass_byte_for_byte(scene, method):
    request = bytes(range(256)) * 40_000  # more than gRPC's default limit of 4 MB

    assert scene.call(method, request) == request
    assert scene.calls == [method]


def test_streams_pass_while_they_are_open(scene):
    go_on = threading.Event()

    def requests():
        yield b"first"
        assert go_on.wait(20)
        yield b"second"

    responses = scene.client.stream_stream("/plugin.GRPCBroker/StartStream")(requests(), timeout=20)

    assert next(responses) == b"first"
    go_on.set()
    assert list(responses) == [b"second"]


def test_an_error_passes_with_its_code_details_and_metadata(scene):
    with pytest.raises(grpc.RpcError) as error:
        scene.call("/tfplugin5.Provider/fail")

    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.details() == "as asked"
    assert ("reason", "why") in [(key, value) for key, value in error.value.trailing_metadata()]


def test_a_call_that_terraform_gives_up_is_cancelled(scene, short_tmp):
    marker = short_tmp / "cancelled"
    call = scene.client.unary_stream("/tfplugin5.Provider/wait")(str(marker).encode())
    assert next(call) == b"waiting"

    call.cancel()

    deadline = time.monotonic() + 20
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert marker.exists()


def test_terraform_does_not_end_the_provider(scene):
    assert scene.call("/plugin.GRPCController/Shutdown") == b""
    assert scene.calls == []


def test_a_provider_that_died_is_an_error(scene):
    scene.provider.stop(None).wait()

    with pytest.raises(grpc.RpcError) as error:
        scene.call("/tfplugin5.Provider/PlanResourceChange")

    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
