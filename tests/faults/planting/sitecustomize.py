"""Python imports this as it starts, in each process whose PYTHONPATH names this folder: one thing is wrong from then on."""

from tests.faults.planted import plant

plant()
