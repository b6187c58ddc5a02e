"""Manifests as pure functions: small views of what is on the storage in, the text of playlists and MPDs out."""
