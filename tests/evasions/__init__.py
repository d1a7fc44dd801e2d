"""Messages made to hide something, and odd ones that hide nothing."""
