"""The HTTP API: aiohttp, typed operations, and the OpenAPI document made from them. One file per resource."""
