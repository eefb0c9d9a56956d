"""`harness doctor`: what a machine can measure, what disturbs it, and the smallest difference it can resolve."""
