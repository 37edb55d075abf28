"""Floor 2: how fast a model is on this machine, beside others and beside what the machine can do.

`turns` takes times, `calls` counts calls into NumPy, `machine` measures the machine, `peers` are other runtimes,
`benchmark` puts it together as plain data, `content` says it.
"""
