import pytest
from pydantic import ValidationError

from mpcsim.errors import InputError
from scenarios.networks import ModelSettings, shapes


def plans(*layers, size=(7, 7, 3)):
    return shapes(ModelSettings.model_validate({"input": size, "layers": layers}))


def conv(**more):
    return {"type": "conv2d", "filters": 4, "kernel": 3, **more}


def test_shapes_of_the_flagship_follow_one_another():
    layers = []
    for filters in (32, 64, 128):
        layers += [conv(filters=filters, padding="same"), {"type": "maxpool2d"}]
    layers += [conv(filters=128, padding="same"), {"type": "dense", "units": 2}]
    result = plans(*layers, size=(50, 50, 3))
    assert [plan.output for plan in result] == [
        (50, 50, 32),
        (25, 25, 32),
        (25, 25, 64),
        (12, 12, 64),
        (12, 12, 128),
        (6, 6, 128),
        (6, 6, 128),
        (2,),
    ]
    assert result[-1].kernel == (6 * 6 * 128, 2)
    assert [plan.name for plan in result] == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "conv4", "dense1")
    ]


def test_same_padding_puts_the_odd_place_last():
    even = plans(conv(kernel=2, padding="same"))[0]
    strided = plans(conv(stride=2, padding="same"), size=(8, 8, 1))[0]
    assert (even.output, even.pads) == ((7, 7, 4), ((0, 1), (0, 1)))
    assert (strided.output, strided.pads) == ((4, 4, 4), ((0, 1), (0, 1)))


def test_pooling_drops_the_odd_row_unless_it_pads():
    assert plans({"type": "maxpool2d"})[0].output == (3, 3, 3)
    assert plans({"type": "maxpool2d", "padding": "same"})[0].output == (4, 4, 3)
    assert plans({"type": "avgpool2d", "padding": 1, "stride": 1})[0].output == (8, 8, 3)


def test_sides_may_differ():
    plan = plans(conv(kernel=[1, 3], stride=[2, 1], padding="valid"))[0]
    assert (plan.kernel, plan.output) == ((1, 3, 3, 4), (4, 5, 4))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([conv(kernel=9)], r"layer 0 'conv1' \(conv2d\): a window of 9×9 .* input of 7×7×3"),
        (
            [conv(), {"type": "maxpool2d", "size": 6, "name": "big"}],
            r"layer 1 'big' \(maxpool2d\): a window of 6×6 .* 5×5×4",
        ),
        (
            [{"type": "dense", "units": 5}, conv()],
            r"layer 1 'conv1' \(conv2d\): needs height×width×channels, .* gives 5",
        ),
        ([{"type": "flatten"}, {"type": "avgpool2d"}], r"layer 1 'pool1' .* gives 147"),
        ([{"type": "maxpool2d", "padding": 2}], "must be smaller than the window"),
        ([conv(name="a"), conv(name="a")], "name 'a' is that of layer 0"),
        ([conv(), conv(name="conv1")], "named as this one would be, 'conv1'"),
    ],
)
def test_layers_that_do_not_fit_are_named_with_both_shapes(layers, message):
    with pytest.raises(InputError, match=message):
        plans(*layers)


@pytest.mark.parametrize(
    "layer",
    [
        conv(filters=0),
        conv(kernel=2.5),
        conv(padding="full"),
        conv(padding=-1),
        conv(colour="red"),
        conv(activation="sine"),
        {"type": "dropout"},
        {"units": 3},
        {"type": "dense", "units": True},
        conv(name="a/b"),
    ],
)
def test_layers_outside_the_vocabulary_are_refused(layer):
    with pytest.raises(ValidationError):
        plans(layer)


def test_a_model_has_at_least_one_layer():
    with pytest.raises(ValidationError, match="layers, or onnx, one of them"):
        plans()
