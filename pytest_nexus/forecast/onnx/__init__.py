"""A model as an ONNX graph: `onnx_graph` writes the graph, `onnx_scores` scores tests with it."""
