"""The fast path: answer polls straight from the socket, in front of aiohttp on the same port."""
