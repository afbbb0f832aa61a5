"""One file a camera model: how to read its card, and how to erase a file."""
