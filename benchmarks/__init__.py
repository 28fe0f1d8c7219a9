"""How fast and how small the product is, measured against the best that its own parts could do.

Rules
1. Speed is a ratio of two things measured side by side, taken in turns (A B A B …) in one run; the baseline is the bare
   part at its best. No test ever asserts a time: these are measurements, and a missed goal is shown, not raised.
2. Whatever is measured is the product itself: its processes, its classes, its files on a real disk.
3. `python -m benchmarks NAME …` chooses; each name is a module with one function `measure(place) -> list[Row]`.
"""
