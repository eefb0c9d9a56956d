"""Settings chosen fairly: the same budget for every pipeline, scored inside the training images only."""
