"""Nested states as JSON beside arrays; and the state of generators."""

import json
import math
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.atomic import replacing
from numpy_impl.errors import CheckpointError, InputError
from numpy_impl.nested import pack, unpack
from numpy_impl.random_state import random_state, set_random_state

STATE: dict[str, Any] = {
    "none": None,
    "flag": True,
    "text": "\u00fc$/",
    "large": 2**127 + 1,
    "tiny": 5e-324,
    "zero": -0.0,
    "infinite": [math.inf, -math.inf],
    "betas": (0.9, 0.999),
    "empty": [[], {}, ()],
    "milestones": {3: 1, 7: 2, (1, "a"): {"b": 1}},
    "$": "a key that stands for something else",
    "arrays": [np.arange(6, dtype=np.uint32).reshape(2, 3), np.asfortranarray(np.eye(3)[:, :2])],
    "unprintable\n": np.zeros(1),
    "same/name": {"x": np.zeros(2)},
    "same": {"name": {"x": np.ones(3)}},
}


def _there_and_back(state: Any) -> Any:
    arrays: dict[str, Any] = {}
    packed = json.loads(json.dumps(pack("state", state, arrays), allow_nan=False))
    assert all(name.startswith("state") for name in arrays)
    return unpack("state", packed, arrays)


def _assert_equal(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key, value in expected.items():
            _assert_equal(got[key], value)
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for pair in zip(got, expected, strict=True):
            _assert_equal(*pair)
    elif isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    else:
        assert repr(got) == repr(expected)


def test_a_state_comes_back_as_it_was() -> None:
    _assert_equal(_there_and_back(STATE), STATE)
    assert math.isnan(_there_and_back(math.nan))


@pytest.mark.parametrize(
    ("around", "packed_around"),
    [
        (lambda x: [x], lambda x: [x]),
        (lambda x: {"a": x}, lambda x: {"a": x}),
        (
            lambda x: {3: (x,)},
            lambda x: {"$": "dict", "items": [[3, {"$": "tuple", "items": [x]}]]},
        ),
    ],
)
def test_too_many_levels_are_refused(around: Any, packed_around: Any) -> None:
    state: Any = 1
    packed: Any = 1
    for _ in range(120):
        state, packed = around(state), packed_around(packed)
    with pytest.raises(InputError, match="expected at most 100 levels, got more"):
        pack("state", state, {})
    with pytest.raises(InputError, match="expected at most 100 levels, got more"):
        unpack("state", packed, {})


def test_scalars_become_numbers() -> None:
    state = [np.float64(0.1), np.float32(0.5), np.int64(-3), np.bool_(True)]
    _assert_equal(_there_and_back(state), [0.1, 0.5, -3, True])


@pytest.mark.parametrize(
    ("value", "got"),
    [(object(), "object"), ({1, 2}, "set"), (b"x", "bytes"), (1j, "complex"), (len, "builtin")],
)
def test_other_values_are_refused(value: object, got: str) -> None:
    with pytest.raises(InputError, match=f"state/a/1: expected arrays, numbers, .* got {got}"):
        pack("state", {"a": [0, value]}, {})
    with pytest.raises(InputError, match="state: expected numbers of up to 8 bytes, got an array"):
        pack("state", np.array([None]), {})


@pytest.mark.parametrize(
    "packed",
    [
        {"$": "array", "name": "other"},
        {"$": "array", "name": 3},
        {"$": "array"},
        {"$": "array", "name": "x", "more": 1},
        {"$": "float", "value": "1e400"},
        {"$": "tuple", "items": 3},
        {"$": "dict", "items": [[1, 2, 3]]},
        {"$": "dict", "items": [1]},
        {"$": "dict", "items": [[[], 1]]},
        {"$": ["array"]},
        {"$": "code", "value": "1"},
    ],
)
def test_what_pack_does_not_make_is_refused(packed: Any) -> None:
    with pytest.raises(InputError, match="state/a: expected"):
        unpack("state", {"a": packed}, {"x": np.zeros(1)})


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"bit_generator": "MT19937"},
        {"bit_generator": "PCG64"},
        {"bit_generator": "PCG64", "state": {"state": -1, "inc": 2**200}},
        {"bit_generator": "PCG64", "state": "x", "has_uint32": 0, "uinteger": 0},
    ],
)
def test_a_state_that_is_none_leaves_the_generator(state: Any) -> None:
    rng = np.random.default_rng(3)
    before = random_state(rng)
    with pytest.raises(InputError, match="rng: expected a state of PCG64, got"):
        set_random_state("rng", rng, state)
    assert random_state(rng) == before


def test_a_state_of_a_checkpoint_that_lies_is_refused(tmp_path: Any) -> None:
    model = ours.mlp([3, 2], rng=np.random.default_rng(0))
    path = tmp_path / "a.npz"
    ours.save_checkpoint(path, model, {"x": np.zeros(2)})
    with np.load(path) as archive:
        arrays = dict(archive)
    del arrays["state/x"]
    np.savez(path, **arrays)
    with pytest.raises(CheckpointError, match=r"a state that fits, got state/x: expected an array"):
        ours.load_checkpoint(path)
    assert ours.load_model(path).metadata == {}


def test_a_state_that_is_no_dictionary_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "a.npz"
    ours.save_checkpoint(path, ours.mlp([3, 2], rng=np.random.default_rng(0)), {})
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    for packed in ({"$": "float", "value": "inf"}, {"$": "tuple", "items": []}):
        text = json.dumps({**header, "state": packed}).encode()
        np.savez(path, **{**arrays, "header": np.frombuffer(text, np.uint8)})
        with pytest.raises(
            CheckpointError, match=r"a state that is a dictionary, got (float|tuple)"
        ):
            ours.load_checkpoint(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "new"
