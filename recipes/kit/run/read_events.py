"""Prints the scalars below a folder as TensorBoard's own reader sees them: run, tag, step, value."""
import sys

from tensorboard.backend.event_processing import event_multiplexer

multiplexer = event_multiplexer.EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0})
multiplexer.AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()
for run in sorted(multiplexer.Runs()):
    accumulator = multiplexer.GetAccumulator(run)
    for tag in sorted(accumulator.Tags()["scalars"]):
        for event in accumulator.Scalars(tag):
            print(run, tag, event.step, "%.6g" % event.value)
    for tag in sorted(accumulator.Tags()["tensors"]):
        for event in accumulator.Tensors(tag):
            print(run, tag, event.step, "%.6g" % event.tensor_proto.float_val[0])
