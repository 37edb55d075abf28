"""Floor 4: the command line. Installs as `edgeconv_cli`; one file per command, the product itself is `edgeconv`.

BLAS gets one thread unless the user asked for more: edgeconv computes many small products, which several threads of
BLAS only slow down (tenfold where another program uses the cores), and spreads batches over threads itself. The
garbage collector runs less often: a command is over soon.
"""

import gc
import os

gc.set_threshold(50_000, 20, 100)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
