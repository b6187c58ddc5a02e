"""The status of watched channels: held in memory, refreshed in the background, read without waiting."""
