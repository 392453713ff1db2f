"""The pack's graph on an Open Inference Protocol server: protocol, connection, and the graph made of them."""
