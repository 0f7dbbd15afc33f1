"""What a training step on the CPU does between its convolutions, compiled from C on the machine that runs it.

:mod:`bnrepro.train.kernels.build` compiles, :mod:`bnrepro.train.kernels.calls` calls. Where no compiler is, training
goes through torch's own operators, to the same results but for rounding.
"""
