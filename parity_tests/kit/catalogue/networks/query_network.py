"""A network without biases that trains on one sample, with targets of 0.01 and 0.99."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class NeuralNet:
    def __init__(self, inputnodes, hiddennodes, outputnodes, learningrate):
        self.lr = learningrate
        self.w_input_hidden = np.random.normal(0.0, inputnodes**-0.5, (hiddennodes, inputnodes))
        self.w_hidden_output = np.random.normal(0.0, hiddennodes**-0.5, (outputnodes, hiddennodes))

    def act(self, x):
        return 1 / (1 + np.exp(-x))

    def query(self, inputs_list):
        inputs = np.array(inputs_list, ndmin=2).T
        hidden = self.act(self.w_input_hidden @ inputs)
        return self.act(self.w_hidden_output @ hidden)

    def train(self, inputs_list, targets_list):
        inputs = np.array(inputs_list, ndmin=2).T
        targets = np.array(targets_list, ndmin=2).T
        hidden = self.act(self.w_input_hidden @ inputs)
        final = self.act(self.w_hidden_output @ hidden)

        output_delta = (targets - final) * final * (1.0 - final)
        hidden_delta = (self.w_hidden_output.T @ output_delta) * hidden * (1.0 - hidden)

        self.w_hidden_output += self.lr * output_delta @ hidden.T
        self.w_input_hidden += self.lr * hidden_delta @ inputs.T
