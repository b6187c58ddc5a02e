"""Manifests as pure functions: from views of stored broadcasts to the text of playlists and MPDs."""
