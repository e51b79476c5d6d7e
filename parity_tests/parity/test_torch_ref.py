"""The twins: weights go both ways unchanged, and the lockstep command says what happened."""

import copy

import numpy as np
import pytest
import torch

import numpy_impl as ours
from parity_tests.__main__ import main
from torch_ref import from_torch, to_torch, twin_class


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_go_both_ways(dtype: type) -> None:
    model = ours.mlp([13, 11, 5], rng=np.random.default_rng(0), dtype=dtype)
    twin = to_torch(model)
    back = from_torch(twin)
    assert back.dtype == dtype
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name].numpy(), value)
        np.testing.assert_array_equal(back.state_dict()[name], value)
    twin[0].weight.data.zero_()
    assert model.state_dict()["0.weight"].any(), "the twin shares memory with the original"


def test_a_model_loads_what_torch_made() -> None:
    twin = torch.nn.Sequential(torch.nn.Linear(13, 11), torch.nn.ReLU(), torch.nn.Linear(11, 5))
    model = ours.mlp([13, 11, 5], rng=np.random.default_rng(0))
    model.load_state_dict({name: value.numpy() for name, value in twin.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((7, 13)).astype(np.float32)
    expected = twin(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_modes_and_missing_bias_carry_over() -> None:
    rng = np.random.default_rng(0)
    model = ours.Sequential(ours.Linear(13, 5, bias=False, rng=rng))
    model.eval()
    twin = to_torch(model)
    assert not twin.training
    assert not from_torch(twin).training
    assert list(twin.state_dict()) == ["0.weight"]


def test_everything_has_a_twin() -> None:
    public = [getattr(ours, name) for name in ours.__all__]
    bases = (ours.Layer, ours.Loss, ours.Optimizer)
    kinds = [c for c in public if isinstance(c, type) and issubclass(c, bases)]
    for kind in {*kinds} - {*bases}:
        assert callable(twin_class(kind)), kind


def test_optimizers_go_on_from_a_state_dict() -> None:
    rng = np.random.default_rng(0)
    model = ours.mlp([13, 11, 5], rng=rng)
    groups = ours.decay_groups(model.parameters(), 0.1)
    for make in (
        lambda p: ours.AdamW(p),
        lambda p: ours.SGD(p, lr=0.1, momentum=0.9),
        lambda p: ours.SGD(p, lr=0.1),
    ):
        optimizer = make(groups)
        for _ in range(3):
            model.arena.grads[:] = rng.standard_normal(len(model.arena))
            optimizer.step()
        state = copy.deepcopy(optimizer.state_dict())
        fresh = make(groups)
        fresh.load_state_dict(state)
        values, results = model.arena.values.copy(), []
        for stepper in (optimizer, fresh):
            model.arena.values[:] = values
            stepper.step()
            results.append(model.arena.values.copy())
        np.testing.assert_array_equal(*results)
        if state["state"]:
            state["state"]["2.bias"].popitem()
            with pytest.raises(ours.InputError, match=r"state\['2.bias'\]: expected the keys"):
                fresh.load_state_dict(state)
            state["state"]["2.bais"] = state["state"].pop("2.bias")
            with pytest.raises(ours.InputError, match=r"state: .* got \['2.bais'\]"):
                fresh.load_state_dict(state)


def test_adam_state_has_pytorchs_names_and_shapes() -> None:
    model = ours.mlp([13, 11, 5], rng=np.random.default_rng(0))
    optimizer = ours.Adam(model.parameters())
    optimizer.step()
    state = optimizer.state_dict()
    twin = to_torch(model)
    theirs = torch.optim.Adam(twin.parameters())
    for parameter in twin.parameters():
        parameter.grad = torch.zeros_like(parameter)
    theirs.step()
    for (name, entry), expected in zip(
        state["state"].items(), theirs.state_dict()["state"].values(), strict=True
    ):
        assert entry.keys() == expected.keys(), name
        assert entry["exp_avg"].shape == expected["exp_avg"].shape
        assert entry["step"] == float(expected["step"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_lockstep_command(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    tmp_path: object,
) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["lockstep", "--dtype", dtype, "--hidden", "16"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("data: made-up strokes")
    assert "test accuracy: NumPy 100.00 %, PyTorch 100.00 %" in out
    assert "distance of the parameters after 313 steps" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dtype", "float16"], "--dtype: expected float32 or float64, got 'float16'"),
        (["--optimizer", "lion"], "--optimizer: expected one of ['adam', 'adamw', 'sgd']"),
        (["--epochs", "0"], "--epochs: expected an integer of at least 1, got int 0"),
        (["--data", "/nowhere"], "--data: expected a folder with the MNIST files, got /nowhere"),
    ],
)
def test_bad_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["lockstep", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
