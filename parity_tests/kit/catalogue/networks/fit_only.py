"""A model with fit() alone; the loop over epochs and batches has everything in it."""
# ruff: noqa: D101, D102, N803, NPY002

import numpy as np


class MLPClassifier:
    def __init__(self, n_features, n_hidden, n_classes, l2=0.0):
        self.W_h = np.random.randn(n_features, n_hidden) * np.sqrt(2 / n_features)
        self.b_h = np.zeros(n_hidden)
        self.W_o = np.random.randn(n_hidden, n_classes) * np.sqrt(2 / n_hidden)
        self.b_o = np.zeros(n_classes)
        self.l2 = l2

    def predict_proba(self, X):
        hidden = np.maximum(X @ self.W_h + self.b_h, 0)
        scores = hidden @ self.W_o + self.b_o
        scores = scores - scores.max(axis=1)[:, None]
        return np.exp(scores) / np.exp(scores).sum(axis=1)[:, None]

    def score_loss(self, X, y):
        return -np.log(self.predict_proba(X)[np.arange(len(y)), y] + 1e-12).mean()

    def fit(self, X, y, epochs=1, lr=0.1, batch_size=32):
        for _ in range(epochs):
            order = np.random.permutation(len(X))
            for start in range(0, len(X), batch_size):
                pick = order[start : start + batch_size]
                xb, yb = X[pick], y[pick]
                hidden = np.maximum(xb @ self.W_h + self.b_h, 0)
                error = self.predict_proba(xb)
                error[np.arange(len(yb)), yb] -= 1
                error /= len(yb)
                grad_o = hidden.T @ error + self.l2 * self.W_o
                back = error @ self.W_o.T
                back[hidden <= 0] = 0
                grad_h = xb.T @ back + self.l2 * self.W_h
                self.W_o -= lr * grad_o
                self.b_o -= lr * error.sum(axis=0)
                self.W_h -= lr * grad_h
                self.b_h -= lr * back.sum(axis=0)
        return self
