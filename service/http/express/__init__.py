"""The fast path: polls answered straight from the socket, in front of aiohttp on the same port."""
