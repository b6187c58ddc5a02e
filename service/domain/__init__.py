"""The rules of the product: streams, status, recordings, accounts. No I/O, only ports."""
