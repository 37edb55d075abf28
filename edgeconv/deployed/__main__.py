"""What `python3 kws.pyz` starts: says what is missing before anything needs it.

BLAS gets one thread unless the environment says otherwise.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is copied to devices, whatever they have
    sys.exit("error: this needs Python 3.11 or newer, found {}.{}".format(*sys.version_info))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy  # noqa: F401 - only to see whether it is there
except ImportError as error:
    sys.exit(f"error: this needs NumPy 1.24 or newer ({error}): install python3-numpy, or pip install numpy")

if __name__ == "__main__":
    from edgeconv.deployed.main import main

    sys.exit(main())
