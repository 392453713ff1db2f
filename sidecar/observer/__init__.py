"""The observer process: captures in, meaning out. It may be slow, full or dead; traffic does not notice."""
