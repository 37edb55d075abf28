"""--dask: an executor on a Dask cluster, whose futures fail when the scheduler ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from edgeconv.errors import EdgeconvError, UsageError

__all__ = ["on_cluster"]

_SECONDS = 10
_RETRIES = 3
_LOOK_SECONDS = 0.2


@contextmanager
def on_cluster(address: str) -> Iterator[Executor]:
    """An executor whose workers are those of the scheduler at `address`."""
    try:
        from distributed import Client
    except ImportError as error:
        raise EdgeconvError('--dask needs the package distributed: pip install "edgeconv[dask]"') from error
    try:
        client = Client(address, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {address} ({error}); start one with dask scheduler") from error
    over = Event()
    with client, client.get_executor(pure=False, retries=_RETRIES) as inner:
        found = _Executor(inner)
        Thread(target=found.watch, args=(client, over), daemon=True).start()
        try:
            yield found
        except BrokenExecutor as error:
            raise EdgeconvError(
                f"the Dask scheduler at {address} is gone, and with it the work; run this again"
            ) from error
        finally:
            over.set()


class _Executor(Executor):
    """With its scheduler distributed loses all futures, and leaves whoever waits for them waiting."""

    def __init__(self, inner: Executor) -> None:
        self._inner, self._given = inner, set[Future[Any]]()

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        future = self._inner.submit(function, *args, **keywords)
        self._given.add(future)
        future.add_done_callback(self._given.discard)
        return future

    def watch(self, client: Any, over: Event) -> None:
        """Until it is over, see to it that nobody waits for what is lost."""
        while not over.wait(_LOOK_SECONDS):
            if client.status != "running":
                for future in list(self._given):
                    with suppress(InvalidStateError):
                        future.set_exception(BrokenExecutor())
