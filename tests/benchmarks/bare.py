"""The trials of `test_overhead.py` as a person would write them in one script: no harness, no isolation.

Usage: python bare.py JOBS.json IMAGES.npz; prints one JSON object, {"fit_s": [...], "accuracy": [...]}.
"""

import json
import sys
import time

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss
from sklearn.svm import SVC

THREADS = 2


def forest(x, y, x_test, job):
    model = RandomForestClassifier(n_estimators=job["n_estimators"], n_jobs=THREADS, random_state=job["seed"])
    flat = (x.reshape(len(x), -1) / 255).astype(np.float32)
    begin = time.perf_counter()
    model.fit(flat, y)
    fit_s = time.perf_counter() - begin
    flat_test = (x_test.reshape(len(x_test), -1) / 255).astype(np.float32)
    return fit_s, model.predict(flat_test), model.predict_proba(flat_test)


def svm(x, y, x_test, job):
    model = SVC(C=10)
    flat = (x.reshape(len(x), -1) / 255).astype(np.float32)
    begin = time.perf_counter()
    model.fit(flat, y)
    fit_s = time.perf_counter() - begin
    return fit_s, model.predict((x_test.reshape(len(x_test), -1) / 255).astype(np.float32)), None


def network(x, y, x_test, job):
    import keras
    from keras import layers

    images, test_images = ((a.astype(np.float32) / 255)[..., None] for a in (x, x_test))
    begin = time.perf_counter()
    keras.utils.set_random_seed(job["seed"])
    inputs = layers.Input((8, 8, 1))
    h = inputs
    if job["kind"] == "cnn":
        for filters in (32, 64):
            h = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(h)
            h = layers.MaxPooling2D(2)(h)
            h = layers.ReLU()(h)
        h = layers.Flatten()(h)
        h = layers.Dropout(0.5)(h)
        h = layers.Dense(128, activation="relu", kernel_initializer="he_normal")(h)
        h = layers.Dropout(0.5)(h)
    else:
        h = layers.Flatten()(h)
        for _ in range(2):
            h = layers.Dense(256, activation="relu", kernel_initializer="he_normal")(h)
            h = layers.Dropout(0.2)(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    model.fit(images, y, batch_size=32, epochs=job["epochs"], verbose=0)
    fit_s = time.perf_counter() - begin
    probabilities = model.predict(test_images, batch_size=256, verbose=0)
    return fit_s, probabilities.argmax(axis=1), probabilities


def main() -> None:
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    fit, accuracy = [], []
    for job in jobs:
        with np.load(sys.argv[2]) as data:
            x, y = data["x_train"][job["indices"]], data["y_train"][job["indices"]]
            x_test, y_test = data["x_test"], data["y_test"]
        run = {"forest": forest, "svm": svm}.get(job["kind"], network)
        fit_s, predicted, probabilities = run(x, y, x_test, job)
        balanced_accuracy_score(y_test, predicted)
        f1_score(y_test, predicted, average="macro")
        if probabilities is not None:
            log_loss(y_test, probabilities)
        fit.append(fit_s)
        accuracy.append(float((predicted == y_test).mean()))
    print(json.dumps({"fit_s": fit, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
