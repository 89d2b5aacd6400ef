"""The ``ModelMetrics`` messages in NAS-Bench-101's files, read without the protobuf library.

The published definition has two messages::

    message ModelMetrics {                       message EvaluationData {
      repeated EvaluationData evaluation_data = 1;  optional double current_epoch = 1;
      optional int32 trainable_parameters = 2;      optional double training_time = 2;
      optional double total_time = 3;               optional double train_accuracy = 3;
    }                                               optional double validation_accuracy = 4;
                                                    optional double test_accuracy = 5;
                                                    optional string checkpoint_path = 6;
                                                  }

A field is a varint ``number * 8 + wire type`` and a value: a varint (type 0), 8
bytes (1), a varint length and as many bytes (2), or 4 bytes (5). As the format
demands, unknown fields are skipped and the last value of a field counts.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_DOUBLE = struct.Struct("<d")
_FIVE_DOUBLES = struct.Struct("<BdBdBdBdBd")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Evaluation(NamedTuple):
    """One look at a network in training; a field that is not there is 0.

    Attributes:
        epoch: that training had reached.
        seconds: of training until then, evaluations not included.
        train: accuracy on 10,000 fixed training images, a fraction.
        validation: accuracy on the 10,000 validation images, a fraction.
        test: accuracy on the 10,000 test images, a fraction.
    """

    epoch: float = 0.0
    seconds: float = 0.0
    train: float = 0.0
    validation: float = 0.0
    test: float = 0.0


class ModelMetrics(NamedTuple):
    """One training run.

    Attributes:
        evaluations: in the order they were made in: before, half-way, after.
        parameters: trainable ones.
        seconds: of training and evaluations.
    """

    evaluations: tuple[Evaluation, ...]
    parameters: int
    seconds: float


def parse_model_metrics(data: bytes) -> ModelMetrics:
    """Read one serialised ``ModelMetrics``.

    Raises:
        ValueError: the bytes are no such message.
    """
    evaluations = []
    parameters, seconds = 0, 0.0
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            evaluations.append(_evaluation(value))
        elif number == 2 and isinstance(value, int):
            low = value & 0xFFFFFFFF  # an int32 is sent as 64 bits, its sign in all the upper ones
            parameters = low - (1 << 32) if low >> 31 else low
        elif number == 3 and isinstance(value, float):
            seconds = value
    return ModelMetrics(tuple(evaluations), parameters, seconds)


def _evaluation(data: bytes) -> Evaluation:
    if len(data) == _FIVE_DOUBLES.size:
        # As good as all evaluations are just the five numbers in order: read at once, 8 times as fast.
        unpacked = _FIVE_DOUBLES.unpack(data)
        if unpacked[::2] == (0x09, 0x11, 0x19, 0x21, 0x29):
            return Evaluation(*unpacked[1::2])
    values = [0.0] * 5
    for number, value in _fields(data):
        if number <= 5 and isinstance(value, float):
            values[number - 1] = value
    return Evaluation(*values)


def _fields(data: bytes) -> list[tuple[int, float | int | bytes]]:
    """All fields of one message by their numbers, in its order.

    The type says how a value was sent: eight bytes are a float, a varint an int,
    the rest bytes. A field sent in another way than its definition says is an
    unknown field.
    """
    fields: list[tuple[int, float | int | bytes]] = []
    at, size = 0, len(data)
    while at < size:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError(f"field number 0 before byte {at}")
        if wire == _FIXED64 and at + 8 <= size:
            fields.append((number, _DOUBLE.unpack_from(data, at)[0]))
            at += 8
        elif wire == _VARINT:
            value, at = _varint(data, at)
            fields.append((number, value))
        elif wire in (_BYTES, _FIXED32):
            length, at = _varint(data, at) if wire == _BYTES else (4, at)
            if at + length > size:
                raise ValueError(f"field {number} ends {at + length - size} bytes behind the message")
            fields.append((number, data[at : at + length]))
            at += length
        else:
            raise ValueError(f"field {number} at byte {at} is of wire type {wire}, or incomplete")
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that starts at a byte, and the byte behind it: seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError(f"a number without an end at byte {at}")
