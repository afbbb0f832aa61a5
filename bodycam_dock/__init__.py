"""The dock: runs on the PC of a docking station and speaks to the server through `sync`."""
