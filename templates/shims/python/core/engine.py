# A loop beside a server that is not ferry's.
import threading


class Engine:
    """The loop that serves, on a thread of its own."""

    def __init__(self, source):
        self.source, self.lock, self.loop = source, threading.Lock(), None

    async def start(self):
        try:
            await self.source.start()
        except SystemExit as err:  # it would end the loop alone
            raise RuntimeError(err.code) from None

    def running(self):
        with self.lock:
            if self.loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, daemon=True, name="ferry").start()
                asyncio.run_coroutine_threadsafe(self.start(), loop).result()
                self.loop = loop
        return self.loop
