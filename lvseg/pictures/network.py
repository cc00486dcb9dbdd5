"""A network's diagram: every layer by name, with its settings, output shape and parameters.

Drawn from the Keras model itself; `keras.utils.plot_model` needs a program (`dot`) that few machines have.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from lvseg.core.backend import keras
from lvseg.pictures import style

_WIDTH = 8.0  # inches, and units of the axes across; a unit down is a layer
_SIDE = 0.6  # right of the boxes, for bows of connections
_LAYER_INCHES, _TITLE_INCHES = 0.55, 0.9  # of the height
_SHAPE_X, _PARAMETERS_X = 6.0, 7.8  # right edges of the last two columns
_BOX = 0.34  # half the height of a layer's box, in rows
_TINTS = {"Conv": "#d5e8f4", "Dense": "#d9efe6", "Pool": "#fbe6c8"}  # by a part of the layer's kind
_PLAIN = "#eceff2"  # tint of any other kind
_MOST_CURVED, _BOW = (
    0.15,
    1.6,
)  # of a connection past others: at most, and over how many layers; far ones are flat
_JOINED = ("BatchNormalization", "Activation")  # told in the box of the layer that they follow


def draw_network(path: Path, name: str, model: keras.Model, size: int) -> None:
    """Draw a functional model from input to output, a box per layer and an arrow per connection.

    Args:
        path: PNG to write.
        name: of the model.
        model: takes images (batch, n, n, 1).
        size: n that the shapes are given for.
    """
    if None in model.input_shape[1:]:
        model = keras.models.clone_model(model, input_tensors=keras.Input((size, size, 1), name="image"))
    home = _homes(model)
    rows = {layer: row for row, layer in enumerate(dict.fromkeys(home.values()))}
    with style.drawing(path, _WIDTH, _LAYER_INCHES * len(rows) + _TITLE_INCHES) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(0, _WIDTH + _SIDE), ylim=(len(rows) - 0.5, -1))
        axes.set_title(f"{name}: {model.count_params():,} parameters", fontsize=12)
        for x, heading in ((_SHAPE_X, "output: rows × columns × channels"), (_PARAMETERS_X, "parameters")):
            axes.text(x, -0.65, heading, ha="right", va="center", fontsize=8, color=style.FAINT)
        for name_of_box, row in rows.items():
            _box(axes, row, [layer for layer in model.layers if home[layer.name] == name_of_box])
        for parent, child in connections(model):
            if home[parent] != home[child]:
                _arrow(axes, rows[home[parent]], rows[home[child]])


def _homes(model: keras.Model) -> dict[str, str]:
    """Return the layer in whose box each layer is drawn, by name."""
    before = {child: parent for parent, child in connections(model)}
    home: dict[str, str] = {}
    for layer in model.layers:
        joined = type(layer).__name__ in _JOINED and layer.name in before
        home[layer.name] = home[before[layer.name]] if joined else layer.name
    return home


def _box(axes: Axes, row: int, layers: Sequence[keras.layers.Layer]) -> None:
    """Draw a layer and what is joined to it: name and settings left, output shape and parameters right."""
    layer = layers[0]
    kind = type(layer).__name__
    tint = next((tint for part, tint in _TINTS.items() if part in kind), _PLAIN)
    axes.add_patch(
        FancyBboxPatch(
            (0.1, row - _BOX), _WIDTH - 0.1, 2 * _BOX, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=tint, edgecolor=style.FAINT, linewidth=0.8,
        )
    )  # fmt: skip
    axes.text(0.25, row - 0.12, layer.name, fontsize=9, fontweight="bold", va="center")
    axes.text(0.25, row + 0.15, ", ".join(map(settings, layers)), fontsize=7.5, va="center")
    shape = " × ".join(f"{size:,}" for size in layer.output.shape[1:])
    axes.text(_SHAPE_X, row, shape, ha="right", va="center", fontsize=9)
    count = sum(joined.count_params() for joined in layers)
    axes.text(_PARAMETERS_X, row, f"{count:,}" if count else "–", ha="right", va="center", fontsize=9)


def settings(layer: keras.layers.Layer) -> str:
    """Return a layer's kind and settings in a few words, such as `Conv2D, 100 filters 5×5, stride 2, relu`."""
    config = layer.get_config()
    words = [] if type(layer).__name__ == "Activation" else [type(layer).__name__]
    if "filters" in config:
        words.append(f"{config['filters']} filters {_by(config['kernel_size'])}")
    if "units" in config:
        words.append(f"{config['units']:,} units")
    if "pool_size" in config:
        words.append(_by(config["pool_size"]))
    elif max(config.get("strides") or (1,)) > 1:
        words.append(f"stride {config['strides'][0]}")
    if config.get("activation", "linear") != "linear":
        words.append(config["activation"])
    return ", ".join(words)


def _by(sizes: tuple[int, ...]) -> str:
    """Return sizes in words, such as `5×5`."""
    return "×".join(map(str, sizes))


def connections(model: keras.Model) -> Iterator[tuple[str, str]]:
    """Yield (parent, child) layer names as the model's saved form lists them."""
    for layer in model.get_config()["layers"]:
        for parent in _called_layers(layer["inbound_nodes"]):
            yield parent, layer["name"]


def _called_layers(node: object) -> Iterator[str]:
    """Yield the names of the layers whose outputs a saved call holds, however deep."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"][0]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for part in node:
            yield from _called_layers(part)


def _arrow(axes: Axes, parent: int, child: int) -> None:
    """Join two rows: straight down to the next, in a bow along the right edge past others."""
    straight = child == parent + 1
    x = _WIDTH / 2 if straight else _WIDTH
    axes.annotate(
        "",
        xy=(x, child - _BOX if straight else child),
        xytext=(x, parent + _BOX if straight else parent),
        arrowprops={
            "arrowstyle": "-|>",
            "color": style.INK,
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": "arc3"
            if straight
            else f"arc3,rad={-min(_MOST_CURVED, _BOW / (child - parent)):.3f}",
        },
    )
