"""The engines compared: one module each, all with the same two functions.

``load(path, prepared)`` returns a model; ``predict(model, rows, n_threads)`` scores a float64 array and returns what
LightGBM's ``Booster.predict`` returns, of the same shape. Where an engine has to compile or convert a model first, its
module has ``prepare(path, prepared)`` too, which leaves files in the folder `prepared`. A module may have
``one_row(model)``, which returns a cheaper function of a one-dimensional row, ``nbytes(model)`` and ``describe()``.
"""
