"""The end of a run of several processes."""

from __future__ import annotations


def leave_process_group() -> None:
    """Leave torch's process group, where this process is in one.

    The harness ends with the group still open. With gloo, whose threads then still run,
    the first process to end is sometimes aborted for it, and its launcher then kills the
    others, the one that is still writing the results among them.
    """
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
