"""The senders of scripts/bench-latency: a clip that counts its frames, a proxy that notes the first media, and nginx-rtmp."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

FRAME_RATE = 30
COUNTER_BITS = 16
COUNTER_BOX = (40, 24)
"""Width and height in pixels of one bit of the frame counter, in a row along the top, lowest bit first. White is 1."""

SIZE = (COUNTER_BITS * COUNTER_BOX[0], 360)

NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
NGINX = """
load_module {module};
pid {home}/nginx.pid;
error_log {home}/error.log;
user root;
worker_processes 1;
events {{ worker_connections 256; }}
rtmp {{
  server {{
    listen 127.0.0.1:{rtmp};
    application live {{ live on; hls on; hls_path {home}/hls; hls_fragment 1s; hls_playlist_length 6s; }}
  }}
}}
http {{
  access_log off;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  server {{
    listen 127.0.0.1:{http};
    location / {{ root {home}/hls; add_header Cache-Control no-cache; add_header Access-Control-Allow-Origin *; }}
  }}
}}
"""


def missing_programs() -> list[str]:
    """Return the programs that the benchmark needs and that are not installed."""
    return [name for name in ("ffmpeg", "redis-server", "chromium", "chromedriver") if shutil.which(name) is None]


def has_nginx_rtmp() -> bool:
    return shutil.which("nginx") is not None and NGINX_MODULE.exists()


async def run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        sys.exit(f"{arguments[0]} failed:\n{said.decode()}")


async def record(path: Path, seconds: float, gop: int) -> None:
    """Record a clip with audio whose frames show their number: a keyframe every `gop` frames, two B-frames as OBS has them."""
    width, height = COUNTER_BOX
    boxes = [f"drawbox=x=0:y=0:w=iw:h={height}:color=black:t=fill"]
    boxes += [
        f"drawbox=x={bit * width}:y=0:w={width}:h={height}:color=white:t=fill:enable='mod(floor(n/{2**bit}),2)'"
        for bit in range(COUNTER_BITS)
    ]
    await run(
        *("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={FRAME_RATE}"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", str(seconds), "-vf", ",".join(boxes)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p"),
        *("-g", str(gop), "-sc_threshold", "0", "-b:v", "600k", "-maxrate", "600k", "-bufsize", "600k"),
        *("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "flv", str(path)),
    )


class Proxy:
    """Passes one RTMP publish on. `began`: when its first media byte was passed on (Unix seconds), once it was."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.began: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above_writer = await asyncio.open_connection(*self._target)
        back = asyncio.ensure_future(_pass_on(above_reader, writer))
        parser = _first_frame()
        next(parser)
        try:
            while data := await reader.read(65536):
                if not self.began.done():
                    with suppress(StopIteration):
                        parser.send(data)
                        above_writer.write(data)
                        continue
                    self.began.set_result(time.time())
                above_writer.write(data)
                await above_writer.drain()
        except ConnectionError:
            pass
        finally:
            above_writer.close()
            back.cancel()
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def _first_frame() -> Iterator[None]:
    """Take what an encoder sends; return at its first video frame."""
    from providers.local.rtmp.buffer import ReceiveBuffer
    from providers.local.rtmp.chunk_reader import ChunkReader
    from providers.local.rtmp.chunks import VIDEO, ChunkLimits
    from providers.local.rtmp.handshake import PACKET_SIZE

    buffer = ReceiveBuffer()
    chunks = ChunkReader(buffer, ChunkLimits())

    def messages() -> Iterator[None]:
        yield from buffer.exactly(1 + 2 * PACKET_SIZE)
        while True:
            message = yield from chunks.message()
            if message.type_id == VIDEO and message.payload[1:2] == b"\x01":  # not the AVC sequence header
                return

    parser = messages()
    for _ in parser:
        buffer.feed((yield))  # type: ignore[misc]


@asynccontextmanager
async def pushed(source: Path, url: str) -> AsyncIterator[asyncio.Future[float]]:
    """Push the clip to an RTMP address in real time. Yield the moment of its first media."""
    target = urlsplit(url)
    proxy = Proxy(target.hostname or "127.0.0.1", target.port or 1935)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-re", "-i", str(source), "-c", "copy", "-f", "flv"),
        f"rtmp://127.0.0.1:{port}{target.path}",
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield proxy.began
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        server.close()


@asynccontextmanager
async def nginx_rtmp(home: Path) -> AsyncIterator[tuple[str, str]]:
    """Run nginx with its RTMP module and fragments of 1 s. Yield the addresses to push to and to play."""
    from tests.servers import free_port

    rtmp, http = free_port(), free_port()
    (home / "hls").mkdir()
    config = home / "nginx.conf"
    config.write_text(NGINX.format(module=NGINX_MODULE, home=home, rtmp=rtmp, http=http))
    process = await asyncio.create_subprocess_exec(
        *("nginx", "-p", str(home), "-c", str(config), "-g", "daemon off;"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.sleep(0.5)
        yield f"rtmp://127.0.0.1:{rtmp}/live/clip", f"http://127.0.0.1:{http}/clip.m3u8"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextmanager
def spinning(processes: int) -> Iterator[None]:
    """Keep this many processes busy: a machine that has other work."""
    import subprocess

    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()
