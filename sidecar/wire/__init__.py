"""Sans-I/O decoders of the LLM wire formats: bytes in, Exchange out; imports nothing else of ours."""
