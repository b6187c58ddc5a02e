"""Publish an FLV file with librtmp, the library in rtmpdump and OBS: `python librtmp_push.py FILE URL`."""

import ctypes
import sys
from pathlib import Path

LIBRARY = "librtmp.so.1"


def push(file: Path, url: str) -> None:
    """Errors: SystemExit with what librtmp could not do."""
    library = ctypes.CDLL(LIBRARY)
    library.RTMP_Alloc.restype = ctypes.c_void_p
    rtmp = ctypes.c_void_p(library.RTMP_Alloc())
    library.RTMP_Init(rtmp)
    address = ctypes.create_string_buffer(url.encode())  # librtmp keeps pointers into it
    if not library.RTMP_SetupURL(rtmp, address):
        sys.exit("bad address")
    library.RTMP_EnableWrite(rtmp)
    if not library.RTMP_Connect(rtmp, None):
        sys.exit("no connection")
    if not library.RTMP_ConnectStream(rtmp, 0):
        sys.exit("publish refused")
    data = file.read_bytes()
    if library.RTMP_Write(rtmp, data, len(data)) <= 0:
        sys.exit("not written")
    library.RTMP_Close(rtmp)
    library.RTMP_Free(rtmp)


if __name__ == "__main__":
    push(Path(sys.argv[1]), sys.argv[2])
