"""int8 models on the processors of small computers: Debian 12 for arm64 and armhf, under user-mode emulation.

    make test-arm64        python -m tests.arm arm64
    make test-armhf        python -m tests.arm armhf

Python and NumPy (1.24, with reference BLAS) are Debian's own; nothing comes from PyPI. Deployed files go in, outputs
come out, and these must be the bytes that x86 computes.
"""
