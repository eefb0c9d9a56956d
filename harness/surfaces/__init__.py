"""Paths of the lecture's nine optimizers on surfaces of two dimensions, made by Keras's own optimizers.

`surfaces` has the functions with their gradients and minima, `trajectories` runs the optimizers on them, `show` draws
the figure and the animation and writes what `harness surfaces` leaves.
"""
