"""Channels, their members, their messages and meetings."""
