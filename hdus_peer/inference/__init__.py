"""The predictor child: main model and seeds as one ONNX graph, and nothing else in the process.

Invariant: this is the only process in which a foreign seed exists in plaintext, and it is killed, never cleaned, when a
seed must go. Run as `python -m hdus_peer.inference`; nothing else imports it but tests and the study. No torch here.
"""
