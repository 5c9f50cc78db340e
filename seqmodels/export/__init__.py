"""A trained model as a folder that stands alone: written, checked, read back.

`model.py` is the model in plain torch.nn and part of every folder; `onnx_graph.py` and `program.py` are the same model for
onnxruntime and for `torch.export`; `writing.py` makes a folder of them, `reading.py` opens one, trusting nothing in it.
"""
