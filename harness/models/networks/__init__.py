"""Networks, one file each: `name(input_shape, n_classes, *, options) -> keras.Model`."""

BATCH_NORM_MOMENTUM = 0.9
"""Of the running mean and variance. Keras's 0.99 needs several hundred steps to forget its start, more than a small
training size makes; the network would then predict with statistics it never saw."""
