"""The daemon's side of its two children (trainer and predictor), and the language all three speak.

Invariant: neither torch, onnxruntime nor numpy is imported here, no plaintext of a seed comes to this side, and no
child outlives its daemon. The children share `frames`, `job`, `port` and `lifeline`; the rest is the daemon's alone.
"""
