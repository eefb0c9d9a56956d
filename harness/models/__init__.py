"""What is trained: scikit-learn estimators by name, Keras networks, optimizers."""
