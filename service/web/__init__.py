"""Pages and vendored front-end files."""
