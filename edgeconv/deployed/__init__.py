"""Floor 2: what travels with a deployed model: opening it, its command line on the device, its own check. NumPy only.

import sys
sys.path.insert(0, "kws.pyz")                       # a file that `edgeconv deploy` wrote, or an unpacked folder
from edgeconv.deployed import open_model
interpreter = open_model()
"""

from edgeconv.deployed.carried import open_model

__all__ = ["open_model"]
