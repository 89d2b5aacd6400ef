"""A training that knows nothing of this package: it is given an architecture and epochs, and prints JSON last."""

from __future__ import annotations

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--arch", required=True)
parser.add_argument("--epochs", type=int, default=10)
arguments = parser.parse_args()

accuracy = 60.0
for epoch in range(1, arguments.epochs + 1):  # counting convolutions stands for a training
    accuracy += arguments.arch.count("nor_conv_3x3") * 4 / epoch
    print(f"epoch {epoch}: {accuracy:.2f} %")
print(json.dumps({"validation": min(accuracy, 100.0), "epochs": arguments.epochs}))
