"""One net in one engine, run whenever a line on stdin asks for it.

Arguments: ENGINE PRECISION THREADS MODEL FOLDER. MODEL is an ONNX file; FOLDER holds shapes.json (the shapes of its inputs and outputs
by name, in the graph's order) and one NAME.f32 for each input, raw little-endian float32. What is converted from MODEL is kept there.
The first line on stdout is JSON: the engine's version, and a note if there is one. Then each line on stdin is answered by one line:
`run` computes once and gives the milliseconds of that alone; any other line is a path, to which the outputs of the last run are
written, one after the other in the graph's order, as raw little-endian float32.
"""
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy

THREADS, MODEL, FOLDER = int(sys.argv[3]), pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[5])
SHAPES = json.loads((FOLDER / "shapes.json").read_text())


def inputs():
    """The inputs by name."""
    read = lambda name: numpy.fromfile(FOLDER / f"{name}.f32", dtype="<f4")
    return {name: read(name).reshape(shape) for name, shape in SHAPES["inputs"].items()}


def converted(name, convert):
    """A file that `convert` makes at the first need. Workers of one net wait for each other here."""
    path = FOLDER / name
    with open(FOLDER / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            convert(path)
    return path


def called(command):
    """Runs a converter to its end; what it complains of is the error."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=FOLDER)
    if done.returncode != 0:
        last = [line.strip() for line in done.stdout.splitlines() if line.strip()][-1:]
        sys.exit(f"{pathlib.Path(words[0]).name} does not convert it: {' '.join(last)}")


def run_onnxruntime(_precision):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    feed, names = inputs(), list(SHAPES["outputs"])
    return onnxruntime.__version__, None, lambda: session.run(names, feed), lambda results: results


def run_openvino(precision):
    import openvino

    core = openvino.Core()
    half = "bf16" in precision
    if half and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        sys.exit("this processor has no bf16")
    hints = {"INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "bf16" if half else "f32"}
    net = core.compile_model(core.read_model(MODEL), "CPU", hints)
    request = net.create_infer_request()
    feed, names = inputs(), list(SHAPES["outputs"])
    held = int(net.get_property("INFERENCE_NUM_THREADS"))
    note = None if held == THREADS else f"takes {held} threads"
    run = lambda: request.infer(feed, share_inputs=True)
    return openvino.__version__.split("-")[0], note, run, lambda results: [results[net.output(name)] for name in names]


def run_ncnn(precision):
    import importlib.util

    import ncnn

    import ncnn_net

    def convert(path):
        # The package's own start wants torch, its program does not.
        pnnx = pathlib.Path(importlib.util.find_spec("pnnx").origin).parent / "pnnx"
        plain = path.with_suffix(".pnnx")
        kept = [f"ncnnparam={plain}", f"ncnnbin={path.with_suffix('.bin')}"]
        rest = [f"{key}={FOLDER / key}" for key in ["pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy"]]
        called([pnnx, MODEL, "fp16=0", *kept, *rest])
        ncnn_net.mend(plain, path)

    feed = {f"in{n}": ncnn.Mat(value[0]).clone() for n, value in enumerate(inputs().values())}
    param = converted("ncnn.param", convert)
    if precision == "int8":
        param = converted("ncnn-int8.param", lambda path: ncnn_net.quantize(param, path, feed))
    net = ncnn.Net()
    net.opt.num_threads = THREADS
    half = precision == "fp16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.opt.use_bf16_storage = False
    ncnn_net.load(net, param)
    names = [f"out{n}" for n in range(len(SHAPES["outputs"]))]

    def run():
        extractor = net.create_extractor()
        for name, value in feed.items():
            extractor.input(name, value)
        results = [extractor.extract(name) for name in names]
        if any(code != 0 for code, _ in results):
            sys.exit("ncnn cannot compute a layer of it")
        return [mat for _, mat in results]

    shaped = lambda results: [numpy.array(mat).reshape(s) for mat, s in zip(results, SHAPES["outputs"].values())]
    return ncnn.__version__, None, run, shaped


def run_litert(_precision):
    from ai_edge_litert.interpreter import Interpreter
    from importlib.metadata import version

    def convert(path):
        onnx2tf = pathlib.Path(sys.executable).parent / "onnx2tf"
        called([onnx2tf, "-n", "-i", MODEL, "-o", FOLDER / "litert"])
        os.rename(FOLDER / "litert" / f"{MODEL.stem}_float32.tflite", path)

    model = Interpreter(str(converted("litert.tflite", convert)), num_threads=THREADS)
    model.allocate_tensors()
    for name, value in inputs().items():
        details = [d for d in model.get_input_details() if d["name"].removeprefix("serving_default_").split(":")[0] == name]
        if len(details) != 1:
            sys.exit(f"no input `{name}` after the conversion")
        # Pictures are [N, H, W, C] there.
        last = numpy.moveaxis(value, 1, -1) if value.ndim == 4 else value
        model.set_tensor(details[0]["index"], numpy.ascontiguousarray(last))
    found, shapes = model.get_output_details(), list(SHAPES["outputs"].values())
    if len(found) != len(shapes):
        sys.exit(f"{len(found)} outputs after the conversion, expected {len(shapes)}")
    first = lambda value, shape: numpy.moveaxis(value, -1, 1).reshape(shape) if value.ndim == 4 else value
    arrays = lambda _: [first(model.get_tensor(d["index"]), shape) for d, shape in zip(found, shapes)]
    return version("ai-edge-litert"), None, model.invoke, arrays


def serve():
    # Libraries print where they like: only answers go to stdout.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    version, note, run, arrays = globals()[f"run_{sys.argv[1]}"](sys.argv[2])
    run()
    # What an engine promises about its threads is checked.
    wall, processor = time.perf_counter(), time.process_time()
    results = run()
    busy = (time.process_time() - processor) / (time.perf_counter() - wall)
    if busy > THREADS + 0.5:
        note = f"keeps {busy:.1f} cores busy"
    print(json.dumps({"version": version, "note": note}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            # Under an emulator that counts instructions (`boards count`) these two calls are the marks.
            os.getppid()
            start = time.perf_counter()
            results = run()
            answer = (time.perf_counter() - start) * 1000
            os.getppid()
        else:
            with open(line.strip(), "wb") as file:
                for array in arrays(results):
                    file.write(numpy.ascontiguousarray(array, dtype="<f4").tobytes())
            answer = "written"
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    serve()
