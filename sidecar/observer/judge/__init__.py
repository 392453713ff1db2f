"""A second opinion: a sample of exchanges is put to any model behind an OpenAI-compatible API, beside the pipeline."""
