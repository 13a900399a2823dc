"""Login and its people, at a real provider."""
