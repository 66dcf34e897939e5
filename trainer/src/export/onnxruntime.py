"""Runs an ONNX model for the trainer: MODEL as the argument; on stdin face after face with its age, on stdout the outputs.

The first line on stdout is JSON: version, size of the face and the outputs with their number of values. Then all is raw
little-endian float32.
"""
import json
import sys

import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
face, age = session.get_inputs()
outputs = [[output.name, int(numpy.prod(output.shape))] for output in session.get_outputs()]
count = int(numpy.prod(face.shape))
header = {"version": onnxruntime.__version__, "face": count, "outputs": outputs}
sys.stdout.buffer.write((json.dumps(header) + "\n").encode())
sys.stdout.buffer.flush()
width = int(numpy.prod(age.shape))
while len(bytes_in := sys.stdin.buffer.read(4 * (count + width))) == 4 * (count + width):
    values = numpy.frombuffer(bytes_in, dtype="<f4")
    feed = {face.name: values[:count].reshape(face.shape), age.name: values[count:].reshape(age.shape)}
    for result in session.run(None, feed):
        sys.stdout.buffer.write(result.astype("<f4").tobytes())
    sys.stdout.buffer.flush()
