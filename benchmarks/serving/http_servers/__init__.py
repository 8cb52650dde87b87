"""Compare libraries that serve HTTP, all with the same small application."""
