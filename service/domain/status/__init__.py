"""The status of watched channels: held in the process, refreshed in the background, read without waiting."""
