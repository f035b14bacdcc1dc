"""Copies a folder of tensors with one of them changed: plant.py FROM TO NAME FACTOR."""
import shutil
import sys

import numpy as np

source, target, name, factor = sys.argv[1:]
shutil.rmtree(target, ignore_errors=True)
shutil.copytree(source, target)
np.save(f"{target}/{name}.npy", np.load(f"{target}/{name}.npy") * float(factor))
