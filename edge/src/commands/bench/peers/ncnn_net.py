"""The files of an ncnn net: what pnnx writes (with fp16=0), mended; and the same net with int8 convolutions.

ncnn's own tools for int8 are not in its Python package. As they do, each convolution of at least eight channels gets weights with one
scale a channel and inputs with one scale, here from the largest magnitudes (their KL divergence would choose a little less).
A layer is a list of words: type, name, counts of inputs and outputs, their names, then key=value.
"""
import os
import sys

import numpy

INT8 = 0x000D4B38
BATCH = {"12=0", "13=0"}
LEAST_CHANNELS = 8
CONVOLUTIONS = {"Convolution", "Deconvolution", "ConvolutionDepthWise", "DeconvolutionDepthWise"}
WITHOUT_WEIGHTS = {
    "Input", "Split", "Padding", "ReLU", "TanH", "Sigmoid", "Swish", "Softmax", "BinaryOp", "UnaryOp", "Eltwise", "Reshape", "Permute",
    "Pooling", "Concat", "Slice", "Crop", "MatMul", "Clip", "Interp", "Reduction", "Flatten", "Squeeze", "ExpandDims", "Noop",
    "HardSigmoid", "HardSwish", "PixelShuffle",
}


def read(path):
    magic, _, *lines = path.read_text().splitlines()
    return magic, [line.split() for line in lines if line.strip()]


def write(path, magic, layers):
    """The file appears whole or not at all."""
    blobs = sum(int(layer[3]) for layer in layers)
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join([magic, f"{len(layers)} {blobs}", *map(" ".join, layers)]) + "\n")
    os.rename(temporary, path)


def load(net, param):
    if net.load_param(str(param)) != 0 or net.load_model(str(param.with_suffix(".bin"))) != 0:
        sys.exit("ncnn does not load what pnnx made of it")


def mend(plain, path):
    """pnnx takes a column [n, 1] for a batch of n, so that its outer product with a row has no layer that could compute it."""
    magic, layers = read(plain)
    producer = {blob: layer for layer in layers for blob in layer[4 + int(layer[2]) :]}
    mended = []
    for layer in layers:
        if layer[0] == "MatMul":
            column, row, product = layer[4:7]
            source = producer[column]
            source = producer[source[4]] if source[0] == "Split" else source
            after = [other for other in layers if other[0] == "Reshape" and other[4] == product]
            if source[0] == "Reshape" and values(source)["0"] == "1" and after and BATCH <= set(after[0]):
                source[:] = [word for word in source if word not in BATCH]
                after[0][:] = [word for word in after[0] if word not in BATCH | {"1=1"}]
                width = int(values(after[0])["0"]) // int(values(source)["1"])
                mended.append(["Reshape", f"{layer[1]}_row", "1", "1", row, f"{row}_row", f"0={width}", "1=1"])
                layer[5] = f"{row}_row"
        mended.append(layer)
    write(path, magic, mended)


def quantize(param, path, feed):
    """Writes `path` and, beside it, its .bin; `feed` has the inputs by their names in `param`, whose .bin lies beside it too."""
    magic, layers = read(param)
    convolutions = [layer for layer in layers if is_wide(layer)]
    if not convolutions:
        sys.exit("it has no convolution that is worth int8")
    largest = largest_inputs(param, convolutions, feed)
    data, at, pieces = param.with_suffix(".bin").read_bytes(), 0, []
    for layer in layers:
        sizes = weights(layer)
        if is_wide(layer):
            weight, bias = sizes
            floats = numpy.frombuffer(data, "<f4", weight // 4 - 1, at + 4).reshape(int(values(layer)["0"]), -1)
            scales = 127 / numpy.maximum(abs(floats).max(axis=1), 1e-9)
            rounded = numpy.clip(numpy.rint(floats * scales[:, None]), -127, 127).astype(numpy.int8).tobytes()
            pieces += [INT8.to_bytes(4, "little"), rounded, bytes(-len(rounded) % 4), data[at + weight : at + weight + bias]]
            pieces += [scales.astype("<f4").tobytes(), numpy.float32(127 / max(largest[layer[4]], 1e-9)).tobytes()]
            layer.append("8=2")
        else:
            pieces.append(data[at : at + sum(sizes)])
        at += sum(sizes)
    if at != len(data):
        sys.exit(f"ncnn's weights: {len(data)} bytes, expected {at}; pnnx writes them in another way than is known here")
    path.with_suffix(".bin").write_bytes(b"".join(pieces))
    write(path, magic, layers)


def values(layer):
    start = 4 + int(layer[2]) + int(layer[3])
    return dict(word.split("=", 1) for word in layer[start:])


def is_wide(layer):
    return layer[0] == "Convolution" and int(values(layer)["0"]) >= LEAST_CHANNELS


def weights(layer):
    """Bytes of each array that a layer has in the .bin; weights have a tag of four bytes in front."""
    kind, value = layer[0], values(layer)
    number = lambda key, default=0: int(value.get(key, default))
    if kind in CONVOLUTIONS:
        return [4 + 4 * number("6"), 4 * number("0") * number("5")]
    if kind == "InnerProduct":
        return [4 + 4 * number("2"), 4 * number("0") * number("1")]
    if kind == "InstanceNorm":
        return [8 * number("0") * number("2", 1)]
    if kind == "MemoryData":
        sides = [number(key) for key in ("0", "1", "2", "11")]
        return [4 * int(numpy.prod([side for side in sides if side > 0]))]
    if kind in WITHOUT_WEIGHTS:
        return []
    sys.exit(f"it has a layer whose weights are not known here: {kind}")


def largest_inputs(param, convolutions, feed):
    """The largest magnitude in what each convolution reads, by the name of that blob, in one run of the float net."""
    import ncnn

    net = ncnn.Net()
    # Keeps what lies between the layers.
    net.opt.lightmode = False
    load(net, param)
    extractor = net.create_extractor()
    extractor.set_light_mode(False)
    for name, value in feed.items():
        extractor.input(name, value)
    return {layer[4]: float(abs(numpy.array(extractor.extract(layer[4])[1])).max()) for layer in convolutions}
