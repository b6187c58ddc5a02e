"""Manifests as pure functions: small views of what is on the shelf in, the text of playlists and MPDs out."""
