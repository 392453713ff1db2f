"""Credentials in texts: tokens, keys, passwords, by linear-time patterns, entropy floors and the words around."""
